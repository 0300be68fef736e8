"""Builds the programs that hold us to account, from their Go modules: control plane, peers, engines, clients.

Each directory beside this file is a build set: an otherwise empty Go module whose `tool` directives name the programs
and whose go.mod and go.sum pin every version and content hash. `go build` of such a set leaves its programs in

    $PODWRIGHT_CACHE (or ~/.cache/podwright)/builds/<set>-<key>/

where the key covers go.mod, go.sum, the flags and the Go version, so a cached program is never a stale one. A set is
built into a temporary directory beside it and renamed into place under a file lock: two processes never build the same
set twice, and a build that was interrupted leaves nothing that looks finished.

`python -m conformance.builds [SET|PROGRAM …]` builds what is missing (everything by default).
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
KUBERNETES_VERSION = "v1.36.3"


class BuildError(RuntimeError):
    """A program is not there and cannot be built; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class BuildSet:
    """One Go module with the programs that it builds. `cgo` sets link statically.

    `tests` names test binaries and the package that each is compiled from; all other programs are `tool`s of go.mod.
    """

    name: str
    programs: tuple[str, ...]
    tests: tuple[tuple[str, str], ...] = ()
    cgo: bool = False
    tags: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    linker_flags: tuple[str, ...] = ()

    @property
    def source(self) -> Path:
        return HERE / self.name

    @property
    def all_programs(self) -> tuple[str, ...]:
        return (*self.programs, *(name for name, _ in self.tests))

    def go_flags(self) -> list[str]:
        variables = [f"-X {name}={value}" for name, value in self.variables]
        ldflags = " ".join(["-s", "-w", *variables, *self.linker_flags])
        return ["-mod=readonly", "-trimpath", "-buildvcs=false", f"-tags={','.join(self.tags)}", f"-ldflags={ldflags}"]

    def key(self, go_version: str) -> str:
        digest = hashlib.sha256()
        for part in (
            (self.source / "go.mod").read_bytes(),
            (self.source / "go.sum").read_bytes(),
            "\0".join([*self.go_flags(), str(self.cgo), go_version, *(package for _, package in self.tests)]).encode(),
        ):
            digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()[:16]


def _kubernetes_version() -> tuple[tuple[str, str], ...]:
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    values = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return tuple((f"{package}.{name}", value) for package in packages for name, value in values.items())


SETS: dict[str, BuildSet] = {
    s.name: s
    for s in (
        BuildSet(
            "kubernetes",
            (
                "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubeadm", "kubectl",
                "kubelet",
            ),
            variables=_kubernetes_version(),
        ),
        BuildSet("etcd", ("etcd",)),
        BuildSet("coredns", ("coredns",)),
        BuildSet(
            "runc",
            ("runc",),
            cgo=True,
            tags=("seccomp", "osusergo", "netgo"),
            variables=(("main.version", "1.5.2"),),
            linker_flags=("-extldflags -static",),
        ),
        BuildSet(
            "containerd",
            ("containerd", "containerd-shim-runc-v2", "ctr"),
            tags=("no_btrfs", "no_devmapper", "no_zfs"),
            variables=(("github.com/containerd/containerd/v2/version.Version", "2.4.2"),),
        ),
        BuildSet("agnhost", ("agnhost",)),
        BuildSet("kind", ("kind",)),
        BuildSet("gvisor", ("runsc",)),
        BuildSet(
            "node-e2e",
            ("ginkgo", "nonewprivs"),
            tests=(("e2e_node.test", "k8s.io/kubernetes/test/e2e_node"),),
            variables=_kubernetes_version(),
        ),
        BuildSet("sample-device-plugin", ("sample-device-plugin",)),
        BuildSet("cri-tools", ("crictl",), variables=(("sigs.k8s.io/cri-tools/pkg/version.Version", "1.36.0"),)),
        # A minor newer than crictl: it judges image volumes and metrics, and speaks the same CRI v1.
        BuildSet(
            "critest",
            (),
            tests=(("critest.test", "sigs.k8s.io/cri-tools/cmd/critest"),),
            variables=(("sigs.k8s.io/cri-tools/pkg/version.Version", "1.37.0"),),
        ),
        BuildSet(
            "moby",
            ("dockerd", "docker-proxy"),
            tags=("exclude_graphdriver_btrfs",),
            variables=(
                ("github.com/moby/moby/v2/dockerversion.Version", "29.5.2"),
                ("github.com/moby/moby/v2/dockerversion.PlatformName", "Docker"),
            ),
        ),
    )
}  # fmt: skip

# `go build` names a program after its package's directory; a package at a module's root of major version 3 is an
# exception that these spell out.
PACKAGE_NAMES = {"server": "etcd"}


def cache_dir() -> Path:
    """Outside the checkout, so that every clone on a machine shares it."""
    return Path(os.environ.get("PODWRIGHT_CACHE") or Path.home() / ".cache" / "podwright")


def set_of(program: str) -> BuildSet:
    for build_set in SETS.values():
        if program in build_set.all_programs:
            return build_set
    raise BuildError(f"no build set has a program {program!r}; there are {sorted(programs())}")


def programs() -> list[str]:
    return [program for build_set in SETS.values() for program in build_set.all_programs]


def path(program: str) -> Path:
    """Where a program is; raises BuildError if it has not been built (see `ensure`)."""
    found = _directory(set_of(program)) / program
    if not found.exists():
        raise BuildError(f"{program} is not built; run `python -m conformance.builds {program}` (takes minutes)")
    return found


def ensure(names: Iterable[str] = ()) -> dict[str, float]:
    """Build the sets that the named programs or sets need, all by default. Returns seconds per set that was built."""
    wanted = list(dict.fromkeys(SETS[n].name if n in SETS else set_of(n).name for n in names or SETS))
    return {name: seconds for name in wanted if (seconds := _ensure_set(SETS[name])) is not None}


def _directory(build_set: BuildSet) -> Path:
    return cache_dir() / "builds" / f"{build_set.name}-{build_set.key(_go_version())}"


@cache
def _go() -> str:
    found = shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin")
    if found is None:
        raise BuildError("no `go` on the PATH or in /usr/local/go/bin; install Go 1.21 or newer (https://go.dev/dl)")
    return found


@cache
def _go_version() -> str:
    """The toolchain that will do the build: an older `go` fetches the one that go.mod asks for."""
    result = subprocess.run(
        [_go(), "env", "GOVERSION"], cwd=HERE / "kubernetes", capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise BuildError(f"`go env GOVERSION` failed: {result.stderr.strip()}")
    return result.stdout.strip()


def _ensure_set(build_set: BuildSet) -> float | None:
    target = _directory(build_set)
    if target.exists():
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.parent / f"{build_set.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return None
        started = time.monotonic()
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{build_set.name}-") as temporary:
            _go_build(build_set, Path(temporary))
            finished = Path(temporary) / "finished"
            finished.mkdir()
            for program in build_set.all_programs:
                (Path(temporary) / program).rename(finished / program)
            finished.rename(target)
        return time.monotonic() - started


def _go_build(build_set: BuildSet, output: Path) -> None:
    if build_set.programs:
        _go_run(build_set, ["build", *build_set.go_flags(), "-o", f"{output}/", "tool"])
    for program, package in build_set.tests:
        _go_run(build_set, ["test", "-c", "-vet=off", *build_set.go_flags(), "-o", str(output / program), package])
    for built, wanted in PACKAGE_NAMES.items():
        if wanted in build_set.programs and (output / built).exists():
            (output / built).rename(output / wanted)
    missing = [p for p in build_set.all_programs if not (output / p).exists()]
    if missing:
        there = sorted(p.name for p in output.iterdir())
        raise BuildError(f"building {build_set.name} left no {missing}; there is {there}")


def module_directory(build_set: BuildSet, module: str) -> Path:
    """Where the sources of a module lie, in the version that a build set pins: files beside programs are read there."""
    return Path(_go_run(build_set, ["list", "-m", "-f", "{{.Dir}}", module]).strip())


def _go_run(build_set: BuildSet, words: list[str]) -> str:
    environment = {**os.environ, "CGO_ENABLED": "1" if build_set.cgo else "0", "GOFLAGS": "", "GOWORK": "off"}
    result = subprocess.run(
        ["nice", _go(), *words], cwd=build_set.source, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise BuildError(f"`go {words[0]}` failed in {build_set.source}:\n{result.stderr.strip()}")
    return result.stdout
