"""The images that kubeadm wants, made on this machine under the names that `kubeadm config images list` gives them.

Where upstream's image of kube-proxy is Debian with iptables, ours is busybox with this machine's iptables.
"""

import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from conformance import builds, images
from conformance.images import File, Image, with_libraries

PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd", "coredns")
"""What must have been built."""

IPTABLES = Path("/usr/sbin/xtables-nft-multi")
IPTABLES_NAMES = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore")


def names() -> list[str]:
    """What kubeadm would pull for its own version."""
    listed = subprocess.run(
        [builds.path("kubeadm"), "config", "images", "list", f"--kubernetes-version={builds.KUBERNETES_VERSION}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return listed.stdout.split()


def make(wanted: Sequence[str]) -> list[Image]:
    """The images of these names. Raises BuildError for one that nothing here makes."""
    made: list[Image] = []
    for name in wanted:
        kind = name.rpartition(":")[0].rpartition("/")[2]
        if kind not in _MAKERS:
            raise builds.BuildError(f"kubeadm wants the image {name}, and nothing here makes it")
        made.append(_MAKERS[kind](name))
    return made


def _program(program: str) -> Callable[[str], Image]:
    """An image of one static program, where its manifest's command finds it."""

    def make_one(name: str) -> Image:
        return Image((name,), {f"usr/local/bin/{program}": File(builds.path(program).read_bytes()), "tmp": File()})

    return make_one


def _kube_proxy(name: str) -> Image:
    program = {"usr/local/bin/kube-proxy": File(builds.path("kube-proxy").read_bytes())}
    return Image((name,), {**images.busybox().files, **_iptables(), **program})


@cache
def _iptables() -> dict[str, File]:
    """This machine's iptables, with its modules and all that they load."""
    modules = next(Path("/usr/lib").glob("*-linux-*/xtables"), None)
    if modules is None:
        raise builds.BuildError("iptables' modules are not below /usr/lib; install the package iptables")
    files = {f"usr/sbin/{name}": File(link=IPTABLES.name) for name in IPTABLES_NAMES}
    for program in (IPTABLES, *modules.glob("*.so")):
        files |= with_libraries(program)
    return files


_MAKERS: dict[str, Callable[[str], Image]] = {
    **{p: _program(p) for p in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")},
    "kube-proxy": _kube_proxy,
    "coredns": images.coredns,
    "pause": images.pause,
}
