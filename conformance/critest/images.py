"""The images that the suite's specs pull, made on this machine under upstream's names.

What is a distribution upstream is busybox here, and web servers are one small program that does what the specs look
for: a process of that name with a master's title, its pid in /var/run, a line in its log, an answer on its port.
Images that must be told apart differ in one file, as upstream's do.
"""

import subprocess
from dataclasses import replace

from conformance import builds
from conformance.images import ARCHITECTURE, PAUSE_SOURCE, File, Image, compile_static
from conformance.node_e2e import busybox

TESTS = "registry.k8s.io/e2e-test-images"
CRI_TOOLS = "gcr.io/k8s-staging-cri-tools"
HOSTS = ("registry.k8s.io", "k8s.gcr.io", "gcr.io")
DIGEST_IMAGE = f"{CRI_TOOLS}/test-image-digest"

SERVER_SOURCE = r"""
#include <libgen.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static void end(int number) { (void)number; _exit(0); }
int main(int count, char **words) {
  static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
  static char path[256], title[300], pid_file[300], request[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length < 0 || count < 1) { perror("server"); return 1; }
  char *name = basename(strdup(path));
  if (!strstr(words[0], "master process")) {
    snprintf(title, sizeof title, "%s: master process %s", name, path);
    char *const titled[] = {title, 0};
    execv(path, titled);
    perror(path);
    return 1;
  }
  int port = getenv("PORT") ? atoi(getenv("PORT")) : 80;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sigaction on_end = {.sa_handler = end};
  sigaction(SIGTERM, &on_end, 0);
  sigaction(SIGQUIT, &on_end, 0);
  sigaction(SIGWINCH, &on_end, 0);
  int one = 1, server = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 64)) { perror(name); return 1; }
  snprintf(pid_file, sizeof pid_file, "/var/run/%s.pid", name);
  FILE *file = fopen(pid_file, "w");
  if (!file || fprintf(file, "%d\n", getpid()) < 0 || fclose(file)) { perror(pid_file); return 1; }
  fprintf(stderr, "%s: serves on port %d\n", name, port);
  for (;;) {
    int client = accept(server, 0, 0);
    if (client < 0) continue;
    if (read(client, request, sizeof request) > 0 && write(client, answer, sizeof answer - 1) < 0) perror(name);
    close(client);
  }
}
"""


def all_images(runtime_pause: str) -> list[Image]:
    """Everything that the specs pull, and the pause that the runtime wants: another image than the specs'."""
    base = _base()
    plain = Image((), base, command=("sh",))
    pause = Image((), {"pause": File(compile_static(PAUSE_SOURCE))}, ("/pause",), user="65535:65535")
    return [
        replace(plain, names=(f"{TESTS}/busybox:1.29-2",)),
        replace(pause, names=("registry.k8s.io/pause:3.9", "k8s.gcr.io/pause:3.9"), labels={"version": "3.9"}),
        replace(pause, names=(runtime_pause,)),
        *_web_servers(base),
        Image(
            (f"{TESTS}/nonewprivs:1.3",),
            {**base, "usr/local/bin/nnp": File(builds.path("nonewprivs").read_bytes(), mode=0o6755)},
            command=("nnp",),
        ),
        *(_marked(plain, f"test-image-{number}", "latest") for number in (1, 2, 3)),
        _marked(plain, "test-image-latest", "latest"),
        digest_image(base),
        _marked(plain, "test-image-tag", "test"),
        _marked(plain, "test-image-tag", "all"),
        _marked(plain, "test-image-tags", "1", "2", "3"),
        *_images_of_users(plain),
    ]


def digest_image(base: dict[str, File] | None = None) -> Image:
    """The one that a spec pulls by its digest."""
    return _marked(Image((), base or _base(), command=("sh",)), DIGEST_IMAGE.rpartition("/")[2], "latest")


def _marked(plain: Image, name: str, *tags: str) -> Image:
    """An image of its own: with a file in it that no other has."""
    mark = f"{name}-{tags[0]}"
    return replace(
        plain,
        names=tuple(f"{CRI_TOOLS}/{name}:{tag}" for tag in tags),
        files={**plain.files, f"marks/{mark}": File(b"", mode=0o644)},
    )


def _images_of_users(plain: Image) -> list[Image]:
    users = {
        "user-uid": "1002", "user-username": "www-data", "user-uid-group": "1003:1004",
        "user-username-group": "www-data:1004",
    }  # fmt: skip
    images = [replace(plain, names=(f"{CRI_TOOLS}/test-image-{k}:latest",), user=user) for k, user in users.items()]
    passwd, group = plain.files["etc/passwd"], plain.files["etc/group"]
    predefined = {
        **plain.files,
        "etc/passwd": replace(passwd, content=(passwd.content or b"") + b"default-user:x:1000:1000::/:/bin/sh\n"),
        "etc/group": replace(
            group,
            content=(group.content or b"") + b"default-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n",
        ),
    }
    name = f"{CRI_TOOLS}/test-image-predefined-group:latest"
    return [*images, replace(plain, names=(name,), files=predefined, user="1000")]


def _web_servers(base: dict[str, File]) -> list[Image]:
    program = File(compile_static(SERVER_SOURCE))

    def image(name: str, server: str, *env: str) -> Image:
        files = {**base, f"usr/sbin/{server}": program, "var/run": File()}
        plain = Image((name,), files, command=(server,), exposed_ports=("80/tcp",))
        return replace(plain, env=(*plain.env, *env))

    return [
        image(f"{TESTS}/nginx:1.14-2", "nginx"),
        image(f"{TESTS}/httpd:2.4.39-4", "httpd"),
        image(f"{CRI_TOOLS}/hostnet-nginx-{ARCHITECTURE}:latest", "nginx", "PORT=12003"),
    ]


def _base() -> dict[str, File]:
    program = File(busybox.ensure().read_bytes())
    command = [str(busybox.ensure()), "--list"]
    applets = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return {
        **{f"bin/{applet}": File(link="/bin/busybox") for applet in applets if applet != "busybox"},
        "bin/busybox": program,
        "bin/ls": program,  # not a link: a spec masks this path alone
        "usr/bin/env": File(link="/bin/busybox"),
        "etc/passwd": File(b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", mode=0o644),
        "etc/group": File(b"root:x:0:\nnobody:x:65534:\n", mode=0o644),
        "etc/nsswitch.conf": File(b"hosts: files dns\n", mode=0o644),
        "root": File(mode=0o700),
        "tmp": File(mode=0o1777),
    }
