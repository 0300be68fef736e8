"""Container images made from files, where no registry answers: for tests, `make cluster` and `make bench`.

An image is one layer of static programs and a configuration. `archive` writes it as one tar that is both an OCI image
layout (`ctr images import`, newer engines) and a docker-archive (`docker load` of any age); the same content gives the
same bytes, and so the same image ID, on every machine and in every run.

    python -m conformance.images OUT.tar busybox=docker.io/library/busybox:stable
"""

import argparse
import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from conformance import builds
from conformance.throwaway import NodeError, ThrowawayNode

BUSYBOX = Path("/bin/busybox")
DEFAULT_REPOSITORY = "localhost/podwright"
ARCHITECTURE = "amd64"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
LOAD_TIMEOUT_SECONDS = 120
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"


@dataclass(frozen=True, slots=True)
class File:
    """An entry of a layer: a regular file, or a symbolic link if `link` is set, or a directory if both are None."""

    content: bytes | None = None
    link: str | None = None
    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class Image:
    """What `archive` writes: names (`repository:tag`), one layer's files by path, and the container defaults."""

    names: tuple[str, ...]
    files: Mapping[str, File]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
    user: str = ""
    working_dir: str = "/"
    labels: Mapping[str, str] = field(default_factory=dict)
    exposed_ports: tuple[str, ...] = ()

    def named(self, *names: str) -> "Image":
        """The same image under other names."""
        return Image(
            names, self.files, self.entrypoint, self.command, self.env, self.user, self.working_dir, self.labels,
            self.exposed_ports,
        )  # fmt: skip


# -- the images ------------------------------------------------------------------------------------------------------


def busybox(*names: str) -> Image:
    """A shell and the usual small programs (Debian's busybox-static), with httpd, wget and nslookup among them."""
    return Image(names or (f"{DEFAULT_REPOSITORY}/busybox:1",), _busybox_files(), command=("sh",))


def web(*names: str) -> Image:
    """Serves a page that says the pod's host name, and its own files below /www, on port 80."""
    script = '#!/bin/sh\nmkdir -p /www && hostname >/www/hostname\nexec httpd -f -p "${PORT:-80}" -h /www\n'
    files = {
        **_busybox_files(),
        "www/index.html": File(b"<h1>podwright</h1>\n", mode=0o644),
        "bin/serve": File(script.encode()),
    }
    return Image(names or (f"{DEFAULT_REPOSITORY}/web:1",), files, command=("/bin/serve",), exposed_ports=("80/tcp",))


def coredns(*names: str) -> Image:
    return Image(
        names or ("registry.k8s.io/coredns/coredns:v1.14.7",),
        {**_base_files(), "coredns": File(builds.path("coredns").read_bytes())},
        entrypoint=("/coredns",),
        exposed_ports=("53/udp", "53/tcp"),
    )


def agnhost(*names: str) -> Image:
    """Upstream's test image, as far as one static program goes (no dig, iperf or nginx beside it)."""
    return Image(
        names or ("registry.k8s.io/e2e-test-images/agnhost:2.63.0",),
        {**_busybox_files(), "agnhost": File(builds.path("agnhost").read_bytes())},
        entrypoint=("/agnhost",),
        command=("pause",),
    )


def pause(*names: str) -> Image:
    """A process that waits, reaps and ends on a signal: what holds a pod's namespaces in a peer's runtime. With `-v` it
    ends at once, which is kubeadm's probe of a cluster."""
    return Image(
        names or ("registry.k8s.io/pause:3.10.2",),
        {"pause": File(compile_static(PAUSE_SOURCE))},
        entrypoint=("/pause",),
        user="65535:65535",
    )


IMAGES: dict[str, Callable[..., Image]] = {
    "busybox": busybox,
    "web": web,
    "coredns": coredns,
    "agnhost": agnhost,
    "pause": pause,
}

PAUSE_SOURCE = """
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int number) { (void)number; _exit(0); }
static void reap(int number) { (void)number; while (waitpid(-1, 0, WNOHANG) > 0) { } }
int main(int count, char **words) {
  if (count > 1 && strcmp(words[1], "-v") == 0) return puts("pause") < 0;
  struct sigaction on_end = {.sa_handler = end}, on_child = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};
  sigaction(SIGINT, &on_end, 0);
  sigaction(SIGTERM, &on_end, 0);
  sigaction(SIGCHLD, &on_child, 0);
  for (;;) pause();
}
"""


def node_images() -> list[Image]:
    """What a node of the test suites has: a shell, a web server, the pause."""
    return [busybox("docker.io/library/busybox:stable", "localhost/podwright/busybox:1"), web(), pause()]


def compile_static(source: str) -> bytes:
    """A small static program from C source, by the machine's compiler."""
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "program"
        command = ["cc", "-Os", "-static", "-s", "-x", "c", "-o", str(program), "-"]
        result = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
        if result.returncode:
            raise builds.BuildError(f"the C compiler failed (is libc6-dev installed?): {result.stderr.decode()}")
        return program.read_bytes()


def with_libraries(program: Path) -> dict[str, File]:
    """One of this machine's programs with the shared objects that it loads, each at its own path."""
    if not program.exists():
        raise builds.BuildError(f"{program} is missing; install the package {program.name}")
    listing = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    paths = {program, *(Path(word) for line in listing.splitlines() for word in line.split() if word.startswith("/"))}
    return {str(path).lstrip("/"): File(path.read_bytes()) for path in paths}


def _base_files() -> dict[str, File]:
    return {
        "etc/passwd": File(b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", mode=0o644),
        "etc/group": File(b"root:x:0:\nnobody:x:65534:\n", mode=0o644),
        "etc/nsswitch.conf": File(b"hosts: files dns\n", mode=0o644),
        "root": File(mode=0o700),
        "tmp": File(mode=0o1777),
    }


def _busybox_files() -> dict[str, File]:
    if not BUSYBOX.exists():
        raise builds.BuildError(f"{BUSYBOX} is missing; install the package busybox-static")
    program = BUSYBOX.read_bytes()
    applets = subprocess.run([str(BUSYBOX), "--list"], capture_output=True, text=True, check=True).stdout.split()
    links = {f"bin/{applet}": File(link="/bin/busybox") for applet in applets if applet != "busybox"}
    return {**_base_files(), **links, "bin/busybox": File(program), "usr/bin/env": File(link="/bin/busybox")}


# -- the archive -----------------------------------------------------------------------------------------------------


def archive(images: Sequence[Image]) -> bytes:
    """The images as one tar, for `docker load` and for an OCI import."""
    blobs: dict[str, bytes] = {}
    docker_manifest: list[dict[str, object]] = []
    oci_manifests: list[dict[str, object]] = []
    for image in images:
        _add_image(image, blobs, docker_manifest, oci_manifests)
    entries: dict[str, File] = {
        "oci-layout": File(_json({"imageLayoutVersion": "1.0.0"}), mode=0o644),
        "index.json": File(_json({"schemaVersion": 2, "manifests": oci_manifests}), mode=0o644),
        "manifest.json": File(_json(docker_manifest), mode=0o644),
    }
    entries.update({f"blobs/sha256/{digest}": File(blob, mode=0o644) for digest, blob in blobs.items()})
    return tar(entries)


@dataclass(frozen=True, slots=True)
class Packed:
    """An image as blobs: its one layer, its configuration, and the OCI manifest that names both."""

    layer: bytes
    config: bytes
    manifest: bytes

    @property
    def digest(self) -> str:
        """Of the manifest, as registries and references name the image."""
        return f"sha256:{_sha256(self.manifest)}"

    @property
    def blobs(self) -> dict[str, bytes]:
        """By the hexadecimal digits of their digests."""
        return {_sha256(blob): blob for blob in (self.layer, self.config, self.manifest)}


def packed(image: Image) -> Packed:
    layer = tar(image.files)
    config = _json(
        {
            "created": "1970-01-01T00:00:00Z",
            "architecture": ARCHITECTURE,
            "os": "linux",
            "config": {
                "User": image.user,
                "Env": list(image.env),
                "Entrypoint": list(image.entrypoint) or None,
                "Cmd": list(image.command) or None,
                "WorkingDir": image.working_dir,
                "Labels": dict(image.labels) or None,
                "ExposedPorts": {port: {} for port in image.exposed_ports} or None,
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha256(layer)}"]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "podwright"}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        }
    )
    return Packed(layer, config, manifest)


def _add_image(
    image: Image,
    blobs: dict[str, bytes],
    docker_manifest: list[dict[str, object]],
    oci_manifests: list[dict[str, object]],
) -> None:
    made = packed(image)
    blobs.update(made.blobs)
    docker_manifest.append(
        {
            "Config": f"blobs/sha256/{_sha256(made.config)}",
            "RepoTags": list(image.names),
            "Layers": [f"blobs/sha256/{_sha256(made.layer)}"],
        }
    )
    oci_manifests.extend(
        {
            **_descriptor(MANIFEST_TYPE, made.manifest),
            "annotations": {
                "io.containerd.image.name": name,
                "org.opencontainers.image.ref.name": name.rpartition(":")[2],
            },
        }
        for name in image.names
    )


def tar(files: Mapping[str, File]) -> bytes:
    """A tar of the files, with their directories, in an order and with times that depend on nothing else."""
    entries = dict(files)
    for path in files:
        for parent in Path(path).parents:
            if str(parent) != "." and str(parent) not in entries:
                entries[str(parent)] = File()
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive_file:
        for path in sorted(entries):
            file = entries[path]
            info = tarfile.TarInfo(path)
            info.mode = file.mode
            if file.link is not None:
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, file.link, 0o777
            elif file.content is None:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(file.content)
            archive_file.addfile(info, io.BytesIO(file.content or b""))
    return output.getvalue()


def _sha256(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{_sha256(blob)}", "size": len(blob)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


# -- loading ---------------------------------------------------------------------------------------------------------


async def load_into_engine(socket: Path, images: Sequence[Image]) -> None:
    """Load the images into the engine behind this unix socket. Raises NodeError with the engine's own text."""
    timeout = aiohttp.ClientTimeout(total=LOAD_TIMEOUT_SECONDS)
    connector = aiohttp.UnixConnector(path=str(socket))
    body = io.BytesIO(gzip.compress(archive(images), compresslevel=1, mtime=0))
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        session.post(
            "http://engine/images/load",
            params={"quiet": "1"},
            data=body,
            headers={"Content-Type": "application/x-tar"},
        ) as response,
    ):
        text = await response.text()
        if response.status != 200 or '"errorDetail"' in text:
            raise NodeError(f"the engine at {socket} did not load {[i.names for i in images]}: {text.strip()}")


async def load_into_containerd(
    node: ThrowawayNode, images: Sequence[Image], address: str = CONTAINERD_SOCKET, namespace: str = "k8s.io"
) -> None:
    """Import the images into a containerd of the node, in the namespace that its CRI plugin uses."""
    target = node.path("/run/images.tar")
    target.write_bytes(archive(images))
    try:
        await node.run(
            [builds.path("ctr"), "--address", address, "-n", namespace, "images", "import", "/run/images.tar"],
            timeout=LOAD_TIMEOUT_SECONDS,
        )
    finally:
        target.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.images", description="Write images for `docker load`.")
    parser.add_argument("output", type=Path)
    parser.add_argument("image", nargs="+", help=f"KIND or KIND=NAME[,NAME…]; kinds: {', '.join(IMAGES)}")
    options = parser.parse_args()
    images: list[Image] = []
    for word in options.image:
        kind, _, names = word.partition("=")
        if kind not in IMAGES:
            parser.error(f"no image kind {kind!r}; there are {', '.join(IMAGES)}")
        images.append(IMAGES[kind](*filter(None, names.split(","))))
    try:
        options.output.write_bytes(archive(images))
    except (builds.BuildError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
