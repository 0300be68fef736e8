"""Runs in the guest, by Debian's Python alone: does what the host asks over a virtio port.

One JSON object per line, both ways; content is base64. The host sends {id, argv, env, stdin, timeout}, or
{id, write, content}, or {id, read}; the answer has the id and {returncode, stdout, stderr}, {} or {content}, or
{error}. Requests are served side by side. The first line says that the guest is up: {"hello": <kernel release>}.
"""

import base64
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

PORT_NAME = "podwright.guest"


def find_port(name: str = PORT_NAME, devices: Path = Path("/sys/class/virtio-ports")) -> Path:
    for device in devices.iterdir():
        if (device / "name").read_text().strip() == name:
            return Path("/dev") / device.name
    raise SystemExit(f"no virtio port {name}")


def serve(request: dict[str, Any]) -> dict[str, Any]:
    if "write" in request:
        target = Path(request["write"])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(base64.b64decode(request["content"]))
        return {}
    if "read" in request:
        return {"content": base64.b64encode(Path(request["read"]).read_bytes()).decode()}
    try:
        done = subprocess.run(
            request["argv"], input=base64.b64decode(request["stdin"]), capture_output=True, check=False,
            env={**os.environ, **request["env"]}, timeout=request["timeout"],
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        told = b"".join(part or b"" for part in (error.stdout, error.stderr)).decode(errors="replace")
        return {"error": f"took more than {request['timeout']} s: {told[-2000:]}"}
    return {
        "returncode": done.returncode,
        "stdout": base64.b64encode(done.stdout).decode(),
        "stderr": base64.b64encode(done.stderr).decode(),
    }


class Link:
    """The port; answers of several threads do not mix."""

    def __init__(self, port: Path) -> None:
        self._file = port.open("r+b", buffering=0)
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        data = memoryview(json.dumps(message).encode() + b"\n")
        with self._lock:
            while data:
                data = data[self._file.write(data) or 0 :]

    def answer(self, request: dict[str, Any]) -> None:
        try:
            result = serve(request)
        except OSError as error:
            result = {"error": str(error)}
        self.send({"id": request["id"], **result})

    def run(self) -> None:
        self.send({"hello": os.uname().release})
        pending = b""
        while chunk := self._file.read(65536):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                threading.Thread(target=self.answer, args=(json.loads(line),), daemon=True).start()


if __name__ == "__main__":
    Link(find_port()).run()
    sys.exit("the host has gone")
