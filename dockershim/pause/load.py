"""The built-in pause as an image: a Docker archive made in memory, for `POST /images/load`."""

import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

_PROGRAM = Path(__file__).with_name("pause")
_SOURCE = Path(__file__).with_name("pause.c")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "riscv64": "riscv64", "ppc64le": "ppc64le"}


class PauseMissingError(Exception):
    """There is no built-in pause program; the text says what to do."""


def read_program(program: Path = _PROGRAM, source: Path = _SOURCE) -> bytes:
    """The program that the wheel ships; in a bare checkout it is compiled once, if there is a compiler."""
    try:
        return program.read_bytes()
    except FileNotFoundError:
        pass
    compiler = shutil.which("cc")
    if compiler is None or not source.exists():
        raise PauseMissingError(
            f"the built-in pause program {program} is missing: install podwright from a wheel, install a C "
            "compiler, or load the pause image into the engine"
        )
    with tempfile.TemporaryDirectory() as directory:
        built = Path(directory) / "pause"
        subprocess.run([compiler, "-static", "-Os", "-s", "-o", str(built), str(source)], check=True)
        content = built.read_bytes()
    try:
        temporary = program.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(content)
        temporary.chmod(0o755)
        temporary.replace(program)
    except OSError:  # a checkout that may not be written to: compile again next time
        pass
    return content


def image_archive(name: str, program: bytes, machine: str = platform.machine()) -> bytes:
    """A Docker archive of one layer holding `/pause`, named `name`. The same input gives the same image id."""
    layer = _tar({"pause": program}, executable=True)
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "config": {"Entrypoint": ["/pause"], "WorkingDir": "/", "User": "65535:65535"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
            "history": [{"created_by": "podwright's built-in pause"}],
        },
        sort_keys=True,
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    return _tar({"layer.tar": layer, config_name: config, "manifest.json": manifest})


def _tar(files: dict[str, bytes], executable: bool = False) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if executable else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
