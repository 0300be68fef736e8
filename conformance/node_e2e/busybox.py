"""A static busybox with everything in it: the specs use `nmeter`, `ipcs` and `pgrep`, which Debian's does without.

Built from Debian's source archive with the project's own default configuration, into the cache beside the Go programs.
"""

import fcntl
import hashlib
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from conformance import builds
from conformance.mirror import NoMirrorError, debian_mirror

VERSION = "1.35.0"
SOURCE = f"pool/main/b/busybox/busybox_{VERSION}.orig.tar.bz2"
"""Below the mirror."""
SOURCE_SHA256 = "faeeb244c35a348a334f4a59e44626ee870fb07b6884d68c10ae8bc19f83a694"
DOWNLOAD_TIMEOUT_SECONDS = 120

# `tc` does not compile against the headers of newer kernels.
CHANGES = {"CONFIG_STATIC": True, "CONFIG_TC": False}


def ensure() -> Path:
    """The program, built if it is not there yet; takes under a minute."""
    directory = builds.cache_dir() / "builds" / f"busybox-{VERSION}-{SOURCE_SHA256[:8]}"
    program = directory / "busybox"
    directory.parent.mkdir(parents=True, exist_ok=True)
    with open(directory.parent / "busybox.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".busybox-") as temporary:
                built = _build(Path(temporary))
                directory.mkdir(exist_ok=True)
                built.rename(program)
    return program


def _build(directory: Path) -> Path:
    archive = directory / "source.tar.bz2"
    archive.write_bytes(_download())
    with tarfile.open(archive) as tar:
        tar.extractall(directory, filter="data")
    source = directory / f"busybox-{VERSION}"
    _make(source, "defconfig")
    config = source / ".config"
    config.write_text(changed(config.read_text()))
    _make(source, "oldconfig")
    _make(source, "-j2", "busybox")
    return source / "busybox"


def changed(config: str) -> str:
    """The configuration with CHANGES made to it."""
    lines = []
    for line in config.splitlines():
        name = line.removeprefix("# ").split("=")[0].split(" ")[0]
        if name in CHANGES:
            lines.append(f"{name}=y" if CHANGES[name] else f"# {name} is not set")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _download() -> bytes:
    try:
        with urllib.request.urlopen(f"{debian_mirror()}/{SOURCE}", timeout=DOWNLOAD_TIMEOUT_SECONDS) as response:
            content: bytes = response.read()
    except (urllib.error.URLError, TimeoutError, NoMirrorError) as error:
        raise builds.BuildError(f"the source of busybox cannot be had from {SOURCE}: {error}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != SOURCE_SHA256:
        raise builds.BuildError(f"{SOURCE} is not what it was: its SHA-256 is {digest}, expected {SOURCE_SHA256}")
    return content


def _make(source: Path, *words: str) -> None:
    result = subprocess.run(
        ["nice", "make", "-C", str(source), *words],
        input="\n" * 2000, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode:
        raise builds.BuildError(f"`make {' '.join(words)}` of busybox failed: {result.stderr.strip()[-2000:]}")
