"""The image of the example pods, made on the spot: busybox from the host's static binary, imported into the engine.

No registry is asked, so that a node runs pods a few seconds after its first start, wherever it is.
"""

import http.client
import io
import shutil
import socket
import subprocess
import tarfile
from pathlib import Path
from urllib.parse import quote

TIMEOUT_SECONDS = 60.0


class _EngineConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def load_image_if_absent(endpoint: str, image: str) -> bool:
    """Import `image` into the engine at `endpoint` if it is a busybox that is not there; True when it was imported.

    Other images are left to be pulled. Raises OSError when the engine refuses.
    """
    name, _, tag = image.rpartition(":")
    binary = shutil.which("busybox")
    if not name.endswith("busybox") or binary is None:
        return False
    connection = _EngineConnection(endpoint.removeprefix("unix://"))
    try:
        connection.request("GET", f"/images/{quote(image, safe='')}/json")
        response = connection.getresponse()
        response.read()
        if response.status == 200:
            return False
        changes = quote('CMD ["sh"]')
        connection.request(
            "POST", f"/images/create?fromSrc=-&repo={quote(name, safe='')}&tag={quote(tag)}&changes={changes}",
            body=busybox_root(Path(binary)), headers={"Content-Type": "application/x-tar"},
        )
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise OSError(f"the engine did not take image {image}: {answer.decode(errors='replace').strip()}")
    finally:
        connection.close()
    return True


def busybox_root(binary: Path) -> bytes:
    """A tar of a root file system: the binary, a link for each of its applets, and the few files programs expect."""
    applets = subprocess.run([binary, "--list"], capture_output=True, text=True, check=True).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for directory, mode in (("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777), ("var", 0o755)):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        _add_file(tar, "bin/busybox", binary.read_bytes(), 0o755)
        for applet in applets:
            if applet != "busybox":
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        _add_file(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n", 0o644)
        _add_file(tar, "etc/group", b"root:x:0:\nnogroup:x:65534:\n", 0o644)
    return buffer.getvalue()


def _add_file(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
