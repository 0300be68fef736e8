"""A small Docker engine in memory, spoken to over a real unix socket: containers, images, events, one client at a time
or many. It knows what the dockershim asks for and answers 404 to the rest.
"""

import asyncio
import contextlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

CREATED = "2026-01-02T03:04:05.000000006Z"
STARTED = "2026-01-02T03:04:06.000000007Z"
FINISHED = "2026-01-02T03:04:07.000000008Z"


@dataclass
class FakeContainer:
    id: str
    name: str
    body: dict[str, Any]
    state: str = "created"
    exit_code: int = 0
    oom_killed: bool = False

    def inspect(self) -> dict[str, Any]:
        host = {"CgroupParent": "", "NetworkMode": "none", **self.body.get("HostConfig", {})}
        running, ended = self.state == "running", self.state == "exited"
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "Created": CREATED,
            "Image": "sha256:" + "1" * 64,
            "ResolvConfPath": "",
            "Config": {"Image": self.body.get("Image", ""), "Labels": self.body.get("Labels") or {}},
            "HostConfig": host,
            "Mounts": [],
            "State": {
                "Running": running,
                "Pid": 999_999_999 if running else 0,  # beyond pid_max: nothing of this machine is looked at
                "ExitCode": self.exit_code,
                "OOMKilled": self.oom_killed,
                "StartedAt": STARTED if running or ended else "0001-01-01T00:00:00Z",
                "FinishedAt": FINISHED if ended else "0001-01-01T00:00:00Z",
            },
        }


@dataclass
class FakeEngine:
    """`fail[path suffix]` is a status to answer once; `hold[path suffix]` an event to wait for before acting; `files`
    are those of every container, a text being where a link leads; `hang` are ids of containers that no call about is
    answered for."""

    socket: Path
    containers: dict[str, FakeContainer] = field(default_factory=dict)
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    fail: dict[str, int] = field(default_factory=dict)
    hold: dict[str, asyncio.Event] = field(default_factory=dict)
    hang: set[str] = field(default_factory=set)
    aborted: list[str] = field(default_factory=list)
    """Paths of calls that hung and whose caller then went away."""
    files: dict[str, bytes | str] = field(default_factory=dict)
    execs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What is said of each exec, the last for ever."""
    api: str = "1.41"
    _listeners: list[asyncio.StreamWriter] = field(default_factory=list)
    _numbers: int = 0

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator["FakeEngine"]:
        server = await asyncio.start_unix_server(self._client, str(self.socket))
        writers = self._writers = set[asyncio.StreamWriter]()
        try:
            yield self
        finally:
            server.close()
            for writer in list(writers):
                writer.transport.abort()
            await asyncio.sleep(0)

    def drop_clients(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    @contextlib.contextmanager
    def shutting_down(self) -> Iterator[None]:
        """As dockerd while it stops its containers: its socket is gone, and who listens still hears of each end."""
        aside = self.socket.rename(self.socket.with_suffix(".aside"))
        for writer in self._writers.difference(self._listeners):
            writer.transport.abort()
        yield
        aside.rename(self.socket)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request_line, *headers = head.decode().split("\r\n")
                method, target, _ = request_line.split(" ")
                length = next((int(line.split(":")[1]) for line in headers if line.lower().startswith("content-le")), 0)
                content = await reader.readexactly(length)
                body = json.loads(content) if content[:1] == b"{" else content
                url = urlsplit(target)
                query = {key: values[0] for key, values in parse_qs(url.query).items()}
                path = unquote(url.path)
                path = path if not path.startswith("/v1.") else "/" + path.split("/", 2)[2]
                self.calls.append(f"{method} {path}")
                if path == "/events":
                    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    self._listeners.append(writer)
                    continue
                if any(identifier in path for identifier in self.hang):
                    await reader.read()  # until the caller closes
                    self.aborted.append(path)
                    return
                status, answer = await self._answer(method, path, query, body)
                text = b"" if answer is None else answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                if status == 204:
                    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                else:
                    writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(text), text))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def emit(self, action: str, container: FakeContainer, **attributes: str) -> None:
        labels = container.body.get("Labels") or {}
        event = {
            "Type": "container", "Action": action, "timeNano": 42,
            "Actor": {"ID": container.id, "Attributes": {**labels, "name": container.name, **attributes}},
        }
        line = json.dumps(event).encode() + b"\n"
        for writer in self._listeners:
            if not writer.is_closing():
                writer.write(b"%x\r\n%b\r\n" % (len(line), line))

    async def _answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        for suffix, gate in self.hold.items():
            if path.endswith(suffix):
                await gate.wait()
        for suffix in list(self.fail):
            if path.endswith(suffix):
                status = self.fail.pop(suffix)
                return status, {"message": f"told to fail {path}"}
        if path.startswith("/exec/") and path.endswith("/json"):
            answers = self.execs[path.split("/")[2]]
            return 200, answers.pop(0) if len(answers) > 1 else answers[0]
        if path == "/version":
            return 200, {"Version": "fake", "ApiVersion": self.api, "MinAPIVersion": "1.12"}
        if path == "/info":
            return 200, {"CgroupDriver": "cgroupfs", "DockerRootDir": "/nowhere", "Runtimes": {"runc": {}}}
        if path == "/containers/create":
            return self._create(query["name"], body)
        if path == "/containers/json":
            return 200, [{"Id": container.id} for container in self.containers.values()]
        if path.startswith("/images/") and path.endswith("/json"):
            name = path.removeprefix("/images/").removesuffix("/json")
            image = self._image(name)
            return (200, image) if image else (404, {"message": f"No such image: {name}"})
        if path.startswith("/images/") and method == "DELETE":
            return (200, []) if self.images.pop(path.removeprefix("/images/"), None) else (404, {"message": "no image"})
        if path.startswith("/containers/"):
            return self._container(method, path, query)
        return 404, {"message": f"page not found: {path}"}

    def _image(self, name: str) -> dict[str, Any] | None:
        by_id = (image for image in self.images.values() if image["Id"] == name)
        return self.images.get(name) or next(by_id, None)

    def _archive(self, path: str) -> tuple[int, Any]:
        content = self.files.get(path)
        if content is None:
            return 404, {"message": f"Could not find the file {path}"}
        buffer, info = io.BytesIO(), tarfile.TarInfo(path.rpartition("/")[2])
        if isinstance(content, str):
            info.type, info.linkname, content = tarfile.SYMTYPE, content, b""
        info.size = len(content)
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.addfile(info, io.BytesIO(content))
        return 200, buffer.getvalue()

    def _create(self, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        if any(container.name == name for container in self.containers.values()):
            return 409, {"message": f"name {name} is taken"}
        self._numbers += 1
        container = FakeContainer(f"{self._numbers:064x}", name, body)
        self.containers[container.id] = container
        self.emit("create", container)
        return 201, {"Id": container.id, "Warnings": []}

    def _container(self, method: str, path: str, query: dict[str, str]) -> tuple[int, Any]:
        identifier, _, verb = path.removeprefix("/containers/").partition("/")
        container = self.containers.get(identifier) or next(
            (one for one in self.containers.values() if one.name == identifier), None
        )
        if container is None:
            return 404, {"message": f"No such container: {identifier}"}
        if method == "DELETE":
            if container.state == "running":
                self.end(container, 137)
            del self.containers[container.id]
            self.emit("destroy", container)
            return 204, None
        if verb == "json":
            return 200, container.inspect()
        if verb == "archive":
            return self._archive(query["path"])
        if verb == "start":
            container.state = "running"
            self.emit("start", container)
        elif verb in ("stop", "kill"):
            if container.state != "running":
                return (304, None) if verb == "stop" else (409, {"message": "not running"})
            self.end(container, 143 if verb == "stop" else 137)
        elif verb == "wait":
            return 200, {"StatusCode": container.exit_code}
        return 204, None

    def end(self, container: FakeContainer, exit_code: int) -> None:
        container.state, container.exit_code = "exited", exit_code
        self.emit("die", container, exitCode=str(exit_code))
