"""Hatchling's build hook: compiles the pause program and ships it in the wheel, also for editable installs."""

import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PROGRAM = "dockershim/pause/pause"


class PauseBuildHook(BuildHookInterface[Any]):
    """Named by `[tool.hatch.build.targets.wheel.hooks.custom]`; the wheel becomes one for this platform."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        compiler = shutil.which("cc")
        if compiler is None:
            raise SystemExit(
                "building podwright needs a C compiler for the pause program (dockershim/pause/pause.c): "
                "install gcc and libc6-dev, so that `cc` is in PATH"
            )
        target = root / _PROGRAM
        subprocess.run(
            [compiler, "-static", "-Os", "-s", "-Wall", "-Werror", "-o", str(target), str(target.with_suffix(".c"))],
            check=True,
        )
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_')}"
        build_data["artifacts"].append(_PROGRAM)
        if version == "standard":
            build_data["force_include"][str(target)] = _PROGRAM
