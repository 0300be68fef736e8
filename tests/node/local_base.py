"""A base image made of this machine's Python, where a recipe's Dockerfile begins with one from a registry.

It has what a kind node image with `python3-venv` has as far as the recipe looks: a shell, Python with ensurepip, a
kubelet in /usr/bin. What `kubelet --version` imports lies in /deps and is found by every interpreter in the image:
there is no index to install dependencies from.
"""

import re
import sys
import sysconfig
from importlib.metadata import distribution
from pathlib import Path

from conformance.images import File, Image, busybox, with_libraries

DEPENDENCIES = ("msgspec", "PyYAML")
UPSTREAM_KUBELET = b"#!/bin/sh\necho 'Kubernetes v1.36.3 (upstream)'\n"
LEFT_OUT = re.compile(r"/(?:__pycache__|test|tests|idlelib|tkinter|lib2to3|site-packages|config-[^/]*)/")


def local_base(name: str) -> Image:
    executable, standard = Path(sys.executable).resolve(), Path(sysconfig.get_path("stdlib"))
    files = {
        **busybox().files,
        **with_libraries(executable),
        **_tree(standard),
        **_tree(Path("/usr/share/python-wheels")),
        "usr/bin/python3": File(link=str(executable)),
        f"{_inside(standard)}/sitecustomize.py": File(b"import sys\nsys.path.append('/deps')\n", mode=0o644),
        "usr/bin/kubelet": File(UPSTREAM_KUBELET),
    }
    for dependency in DEPENDENCIES:
        files.update(_distribution(dependency))
    for module in [path for path in files if path.endswith(".so")]:
        loaded = with_libraries(Path("/") / module) if not module.startswith("deps/") else {}
        files.update({path: file for path, file in loaded.items() if path not in files})
    return Image((name,), files, command=("sh",))


def _tree(root: Path) -> dict[str, File]:
    return {
        _inside(path): File(path.read_bytes(), mode=path.stat().st_mode & 0o777)
        for path in root.rglob("*")
        if path.is_file() and not LEFT_OUT.search(str(path))
    }


def _distribution(name: str) -> dict[str, File]:
    """The files of an installed distribution, below /deps, with the libraries that its modules load."""
    files: dict[str, File] = {}
    for path in distribution(name).files or ():
        source = Path(str(path.locate()))
        if not str(path).startswith("..") and "__pycache__" not in str(path):
            files[f"deps/{path}"] = File(source.read_bytes(), mode=0o644)
        if source.suffix == ".so":
            libraries = with_libraries(source)
            files |= {library: file for library, file in libraries.items() if library != _inside(source)}
    return files


def _inside(path: Path) -> str:
    return str(path).lstrip("/")
