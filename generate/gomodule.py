"""Where a Go module's files are: definitions are read from Go's own module cache and never copied in."""

import json
import subprocess
import tempfile
from pathlib import Path

KUBERNETES_VERSION = "v1.36.3"
STAGING_VERSION = "v0.36.3"


def module_dir(module: str, version: str) -> Path:
    """Download `module@version` with the go command (a no-op when cached) and return its unpacked directory.

    Raises SystemExit with what to do when go is missing or the module cannot be had.
    """
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "go.mod").write_text("module scratch\n\ngo 1.24\n")
        try:
            done = subprocess.run(
                ["go", "mod", "download", "-json", f"{module}@{version}"],
                cwd=scratch, capture_output=True, text=True, check=False,
            )
        except FileNotFoundError:
            raise SystemExit("generate: the go command is needed to read upstream's definitions; install Go") from None
    if done.returncode != 0:
        raise SystemExit(f"generate: cannot download {module}@{version}: {done.stdout}{done.stderr}")
    return Path(json.loads(done.stdout)["Dir"])
