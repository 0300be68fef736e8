"""A kind node image without a registry: Debian's packages, kind's own files, programs built here, images preloaded.

    $PODWRIGHT_CACHE (or ~/.cache/podwright)/kind/<key>/node.tar        for `docker import`

kind's base image is a Dockerfile in its Go module; the steps are the same, on the Debian whose systemd takes cgroup v1
and v2. Its files (entrypoint, units, containerd's configuration) are taken from the module. What `kind build
node-image` adds is added: kubeadm, kubectl and the upstream kubelet, and the control plane's images in containerd's
store, not unpacked. kind's pod network and storage provisioner exist as images alone: a cluster here does without.

Python's packages lie in /usr/share/wheels, for the recipe's Dockerfile to find without an index.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from conformance import builds, images
from conformance.guest.image import PYTHON_VERSION, REQUIREMENTS, SUITE, WHEEL_PLATFORMS
from conformance.kubeadm import images as kubeadm_images
from conformance.mirror import debian_mirror
from conformance.throwaway import CHECKOUT

RECIPE = 2
"""To be raised when the steps change; what they put in is in the key anyway."""
PACKAGES = (
    "systemd", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "kmod", "libseccomp2", "e2fsprogs",
    "ca-certificates", "curl", "jq", "procps", "python3", "python3-venv",
)  # fmt: skip
PROGRAMS = {
    "usr/local/bin": ("containerd", "containerd-shim-runc-v2", "ctr", "crictl"),
    "usr/local/sbin": ("runc",),
    "usr/bin": ("kubeadm", "kubectl", "kubelet"),
}
NETWORK_PLUGINS = Path("/usr/lib/cni")
WANTED_UNITS = ("kubelet.service", "containerd.service", "undo-mount-hacks.service")
UNWANTED_LINKS = (
    "lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
    "lib/systemd/system/multi-user.target.wants/*", "etc/systemd/system/*.wants/*",
    "lib/systemd/system/local-fs.target.wants/*", "lib/systemd/system/sockets.target.wants/*udev*",
    "lib/systemd/system/sockets.target.wants/*initctl*", "lib/systemd/system/basic.target.wants/*",
)  # fmt: skip
STRIPPED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")
PAUSE = "registry.k8s.io/pause:3.10"
"""What kind's containerd configuration names."""
WHEELS = "usr/share/wheels"
STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "standard"},
    "provisioner": "kubernetes.io/no-provisioner",
}  # fmt: skip
CONTAINERD_SECONDS = 30.0


class BaseError(RuntimeError):
    """The image cannot be made; the text says why and what to do."""


def base_archive() -> Path:
    """Make the image unless it is there. Needs root, debootstrap and Debian's archive; takes minutes."""
    _build_programs()
    home = builds.cache_dir() / "kind"
    target = home / _key() / "node.tar"
    if target.exists():
        return target
    if shutil.which("debootstrap") is None:
        raise BaseError("kind's node image needs debootstrap: apt-get install debootstrap")
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            with tempfile.TemporaryDirectory(prefix="build-", dir=home) as scratch:
                finished = Path(scratch) / "finished"
                finished.mkdir()
                _make(Path(scratch), finished / target.name)
                finished.rename(target.parent)
    return target


def _build_programs() -> None:
    builds.ensure(["kind", *(p for programs in PROGRAMS.values() for p in programs), *kubeadm_images.PROGRAMS])


def _key() -> str:
    programs = sorted(str(builds.path(p).parent) for p in (*kubeadm_images.PROGRAMS, *sum(PROGRAMS.values(), ())))
    recipe = (RECIPE, SUITE, PACKAGES, WANTED_UNITS, UNWANTED_LINKS, STRIPPED, PAUSE, str(_kind_files()), programs)
    digest = hashlib.sha256(repr(recipe).encode())
    for file in (REQUIREMENTS, CHECKOUT / "pyproject.toml"):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _kind_files() -> Path:
    return builds.module_directory(builds.SETS["kind"], "sigs.k8s.io/kind") / "images" / "base" / "files"


def _make(scratch: Path, target: Path) -> None:
    root = scratch / "root"
    _tell("installing Debian")
    _run(["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root), debian_mirror()])
    _add_files(root)
    _configure_systemd(root)
    _tell("adding Python's packages")
    _add_wheels(scratch, root / WHEELS)
    _tell("adding the control plane's images")
    _preload(scratch, root / "var/lib/containerd")
    _run(["tar", "-C", str(root), "--exclude=./proc/*", "--exclude=./dev/*", "-cf", str(target), "."])


def _add_files(root: Path) -> None:
    """kind's files with the modes that its Dockerfile gives them, the programs, and what it writes besides."""
    source = _kind_files()
    for path in source.rglob("*"):
        inside = root / path.relative_to(source)
        if path.is_file() and path.relative_to(source).parts[0] != "LICENSES":
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.write_bytes(path.read_bytes())
            inside.chmod(0o755 if inside.parent.name == "bin" else 0o644)
    for directory, names in PROGRAMS.items():
        for name in names:
            shutil.copy(builds.path(name), root / directory / name)
    shutil.copytree(NETWORK_PLUGINS, root / "opt/cni/bin")
    (root / "etc/kubernetes/manifests").mkdir(parents=True)
    (root / "kind/version").write_text(builds.KUBERNETES_VERSION)
    (root / "kind/manifests").mkdir()
    (root / "kind/manifests/default-storage.yaml").write_text(json.dumps(STORAGE_CLASS))
    spec = json.loads(_run([str(builds.path("ctr")), "oci", "spec"]))
    hooks = spec.setdefault("hooks", {}).setdefault("createContainer", [])
    hooks.append({"path": "/kind/bin/mount-product-files.sh"})
    del spec["process"]["rlimits"]
    (root / "etc/containerd/cri-base.json").write_text(json.dumps(spec))


def _configure_systemd(root: Path) -> None:
    """A container's systemd starts little. `containerd` may be where the kernel lets nobody lower an OOM score."""
    for pattern in UNWANTED_LINKS:
        for link in root.glob(pattern):
            link.unlink()
    with (root / "etc/systemd/journald.conf").open("a") as journal:
        journal.write("ReadKMsg=no\n")
    init = root / "sbin/init"
    init.unlink(missing_ok=True)
    init.symlink_to("/usr/lib/systemd/systemd")
    inside = ["chroot", str(root), "systemctl", "--quiet"]
    _run([*inside, "enable", *WANTED_UNITS])
    # Both write to the kernel of the whole machine; the first as in kind's own image.
    _run([*inside, "mask", "systemd-binfmt.service", "systemd-sysctl.service"])
    config = root / "etc/containerd/config.toml"
    config.write_text(config.read_text().replace("restrict_oom_score_adj = false", "restrict_oom_score_adj = true"))
    for name in STRIPPED:
        shutil.rmtree(root / name, ignore_errors=True)


def _add_wheels(scratch: Path, target: Path) -> None:
    """Of the locked packages, those that the kubelet with its systemd driver needs."""
    target.mkdir(parents=True)
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["systemd"]]
    abi = f"cp{PYTHON_VERSION.replace('.', '')}"
    for_debian = [
        "--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON_VERSION}", f"--abi={abi}",
        "--abi=abi3", "--abi=none", *(f"--platform={platform}" for platform in WHEEL_PLATFORMS),
    ]  # fmt: skip
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", *for_debian]
    locked = scratch / "wheels"
    _run([*pip, "--dest", str(locked), "--no-deps", "--require-hashes", "-r", str(REQUIREMENTS)])
    _run([*pip, "--dest", str(target), "--no-index", "--find-links", str(locked), *wanted])


def _preload(scratch: Path, store: Path) -> None:
    """Images in containerd's store as `kind build node-image` leaves them: content alone, pinned."""
    archive = scratch / "images.tar"
    made = [*kubeadm_images.make(kubeadm_images.names()), images.pause(PAUSE), *images.node_images()[:2]]
    archive.write_bytes(images.archive(made))
    config, socket = scratch / "containerd.toml", scratch / "containerd.sock"
    config.write_text(f'version = 3\nroot = "{store}"\nstate = "{scratch}/state"\n[grpc]\naddress = "{socket}"\n')
    with (scratch / "containerd.log").open("wb") as log:
        daemon = subprocess.Popen([builds.path("containerd"), "--config", config], stdout=log, stderr=log)
    ctr = [str(builds.path("ctr")), f"--address={socket}", "--namespace=k8s.io"]
    try:
        deadline = time.monotonic() + CONTAINERD_SECONDS
        while not socket.exists():
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise BaseError(f"containerd does not start: {(scratch / 'containerd.log').read_text()[-2000:]}")
            time.sleep(0.05)
        label = "--label=io.cri-containerd.pinned=pinned"
        _run([*ctr, "images", "import", label, "--no-unpack", str(archive)])
    finally:
        daemon.terminate()
        daemon.wait()


def _tell(step: str) -> None:
    print(f"kind: {step}", flush=True)


def _run(command: Sequence[str], *, check: bool = True) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["nice", *command], capture_output=True, text=True, check=False, env=environment)
    if check and done.returncode:
        told = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise BaseError(f"{' '.join(command)[:200]} failed with {done.returncode}:\n{told}")
    return done.stdout
