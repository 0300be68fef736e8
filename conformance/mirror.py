"""Where this machine gets Debian's packages from, as its own configuration says."""

import subprocess
from functools import cache


class NoMirrorError(RuntimeError):
    """apt has no source of Debian's packages."""


@cache
def debian_mirror() -> str:
    """The site of apt's first source of Debian itself, e.g. what debootstrap takes. Raises NoMirrorError."""
    try:
        listed = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(SITE)"], capture_output=True, text=True, check=True
        ).stdout.split()
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoMirrorError(f"apt-get cannot tell where packages come from: {error}") from None
    for site in listed:
        if site.rstrip("/").endswith("/debian"):
            return site.rstrip("/")
    raise NoMirrorError("apt has no source of Debian's packages: add one to /etc/apt/sources.list")
