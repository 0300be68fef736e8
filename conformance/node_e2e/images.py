"""The images that the suite's specs name, made on this machine under those names.

Where upstream's image is a distribution with tools, ours is busybox with the same tools; agnhost and nonewprivs are
upstream's own programs. nginx is a stand-in that does what the specs look for: a process of that name, its pid in
/var/run/nginx.pid, an answer on port 80.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from conformance import builds
from conformance.images import PAUSE_SOURCE, File, Image, compile_static, with_libraries
from conformance.node_e2e import busybox

REGISTRY = "registry.k8s.io"
TESTS = f"{REGISTRY}/e2e-test-images"
PAUSE_IMAGE = f"{REGISTRY}/pause:3.10.2"

# The PKI of agnhost's HTTPS servers, which lies beside its source.
AGNHOST_FILES = ("localhost.crt", "localhost.key")

NGINX_SOURCE = r"""
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static void end(int number) { (void)number; _exit(0); }
int main(void) {
  static const char answer[] = "HTTP/1.0 200 OK\r\nServer: nginx\r\nContent-Length: 6\r\n\r\nnginx\n";
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
  struct sigaction on_end = {.sa_handler = end};
  char request[4096];
  int one = 1, server = socket(AF_INET, SOCK_STREAM, 0);
  sigaction(SIGTERM, &on_end, 0);
  sigaction(SIGQUIT, &on_end, 0);
  sigaction(SIGINT, &on_end, 0);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 64)) { perror("nginx"); return 1; }
  FILE *file = fopen("/var/run/nginx.pid", "w");
  if (!file || fprintf(file, "%d\n", getpid()) < 0 || fclose(file)) { perror("nginx: pid file"); return 1; }
  for (;;) {
    int client = accept(server, 0, 0);
    if (client < 0) continue;
    if (read(client, request, sizeof request) > 0 && write(client, answer, sizeof answer - 1) < 0) perror("nginx");
    close(client);
  }
}
"""


def all_images() -> list[Image]:
    """Everything the specs of NodeConformance run, built where need be."""
    base = _base()
    plain = Image((), base, command=("sh",))
    return [
        replace(plain, names=(f"{TESTS}/busybox:1.37.0-1",)),
        replace(plain, names=(f"{TESTS}/ipc-utils:1.4",)),
        replace(plain, names=(f"{TESTS}/glibc-dns-testing:2.0.0",)),
        replace(plain, names=(f"{TESTS}/nonroot:1.5",), user="1234"),
        Image(
            (f"{TESTS}/nonewprivs:1.4",),
            {**base, "usr/local/bin/nnp": File(builds.path("nonewprivs").read_bytes(), mode=0o6755)},
            command=("nnp",),
        ),
        _agnhost(base, f"{TESTS}/agnhost:2.63.0"),
        _agnhost(base, f"{TESTS}/agnhost:2.55"),
        Image(
            (f"{TESTS}/nginx:1.15-4", f"{TESTS}/nginx:1.27-0"),
            {**base, "usr/sbin/nginx": File(compile_static(NGINX_SOURCE)), "var/run": File()},
            command=("nginx", "-g", "daemon off;"),
            exposed_ports=("80/tcp",),
        ),
        Image(
            (f"{TESTS}/sample-device-plugin:1.7",),
            {**base, "sampledeviceplugin": File(builds.path("sample-device-plugin").read_bytes())},
            ("/sampledeviceplugin", "-alsologtostderr"),
        ),
        Image((PAUSE_IMAGE,), {"pause": File(compile_static(PAUSE_SOURCE))}, ("/pause",), user="65535:65535"),
    ]  # fmt: skip


def _agnhost(base: Mapping[str, File], name: str) -> Image:
    source = _module_dir("agnhost") / "test/images/agnhost/porter"
    passwd, group = base["etc/passwd"], base["etc/group"]
    files = {
        **base,
        **with_libraries(Path("/usr/bin/curl")),
        **with_libraries(Path("/bin/bash")),
        **{file: File((source / file).read_bytes(), mode=0o644) for file in AGNHOST_FILES},
        "agnhost": File(builds.path("agnhost").read_bytes()),
        "agnhost-2": File(link="agnhost"),
        "uploads": File(),
        # The user of the specs on supplementary groups.
        "etc/passwd": replace(
            passwd, content=(passwd.content or b"") + b"user-defined-in-image:x:1000:1000::/home/user:/bin/sh\n"
        ),
        "etc/group": replace(
            group,
            content=(group.content or b"")
            + b"user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n",
        ),
    }
    # Two tags of one image would be one image to the runtime; specs that change an image must see another ID.
    return Image((name,), files, ("/agnhost",), ("pause",), labels={"version": name.rpartition(":")[2]})


def _base() -> dict[str, File]:
    program = busybox.ensure()
    applets = subprocess.run([str(program), "--list"], capture_output=True, text=True, check=True).stdout.split()
    return {
        **{f"bin/{applet}": File(link="/bin/busybox") for applet in applets if applet != "busybox"},
        "bin/busybox": File(program.read_bytes()),
        "usr/bin/env": File(link="/bin/busybox"),
        "etc/passwd": File(b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", mode=0o644),
        "etc/group": File(b"root:x:0:\nnobody:x:65534:\n", mode=0o644),
        "etc/nsswitch.conf": File(b"hosts: files dns\n", mode=0o644),
        "root": File(mode=0o700),
        "tmp": File(mode=0o1777),
    }


def _module_dir(build_set: str) -> Path:
    """Where the Go module cache keeps k8s.io/kubernetes in the version of a build set."""
    return builds.module_directory(builds.SETS[build_set], "k8s.io/kubernetes")
