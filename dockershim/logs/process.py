"""The log process: one loop that follows every container's json-file and answers the dockershim.

    wait ──▶ file changed ──▶ mark its follower ──┐
      │  └─▶ request ───────▶ answer              ├─▶ one chunk of each marked follower, in turns, until none is left
      └────▶ retry of a full disk ────────────────┘

It is deliberately plain: one thread, blocking file I/O, a handful of imports. It lives as long as there is a container
to follow or somebody connected; it outlives the dockershim, and continues by its checkpoints when it is killed itself.
Followers take turns, so a container that writes as fast as it can delays others by no more than one chunk each.
"""

import contextlib
import fcntl
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from dockershim.logs import protocol
from dockershim.logs.checkpoint import Checkpoints, Followed, Position
from dockershim.logs.follower import Follower, TargetFullError
from dockershim.logs.kernel import (
    IN_ATTRIB,
    IN_CREATE,
    IN_DELETE_SELF,
    IN_IGNORED,
    IN_MODIFY,
    IN_MOVE_SELF,
    IN_MOVED_TO,
    Inotify,
)
from dockershim.logs.protocol import Request, Response

REST_SECONDS = 0.005
"""After a round of work, changes are left to gather: a chatty container costs at most 200 wake-ups a second."""
RETRY_SECONDS = 1.0
LINGER_SECONDS = 30.0
"""How long it waits for its first client. Later, it ends with the last client if there is no container to follow."""
_SOURCE_EVENTS = IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB
_DIRECTORY_EVENTS = IN_CREATE | IN_MOVED_TO
_MOVED = IN_MOVE_SELF | IN_DELETE_SELF | IN_IGNORED | IN_CREATE | IN_MOVED_TO
_RECEIVE_BYTES = 65536


class _Client:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.decoder = protocol.Decoder(Request)

    def send(self, response: Response) -> None:
        """One that does not read is left without its answers; it will ask again."""
        with contextlib.suppress(OSError):
            self.sock.send(protocol.encode(response))


class LogProcess:
    def __init__(self, state_dir: Path) -> None:
        self._checkpoints = Checkpoints(state_dir / "containers")
        self._inotify = Inotify()
        self._followers: dict[str, Follower] = {}
        self._watches: dict[int, str] = {}
        self._marked: dict[str, None] = {}
        self._moved: set[str] = set()
        self._troubled: dict[str, str] = {}
        self._retry_at = 0.0
        self._clients: dict[int, _Client] = {}
        self._poll = select.poll()
        self._poll.register(self._inotify, select.POLLIN)
        self._inotify_asleep = False
        self._stopping = False
        self._useless_at = time.monotonic() + LINGER_SECONDS
        self._listener = _listen(state_dir / protocol.SOCKET_NAME)
        self._poll.register(self._listener, select.POLLIN)
        for followed, _position in self._checkpoints.load():
            self._adopt(followed)

    def run(self) -> None:
        """Until asked to stop, or idle for long."""
        while not self._stopping:
            for fd, _event in self._poll.poll(self._timeout_milliseconds()):
                if fd == self._inotify.fileno():
                    self._hear_of_changes()
                elif fd == self._listener.fileno():
                    self._accept()
                else:
                    self._serve(fd)
            self._rest(False)
            if self._troubled and time.monotonic() >= self._retry_at:
                self._marked |= dict.fromkeys(self._troubled)
                self._retry_at = time.monotonic() + RETRY_SECONDS
            worked = self._round()
            if worked and not self._marked:
                self._rest(True)
            if not self._followers and not self._clients and time.monotonic() >= self._useless_at:
                break
        for follower in self._followers.values():
            follower.close()

    def stop(self) -> None:
        self._stopping = True

    # waiting

    def _timeout_milliseconds(self) -> float | None:
        if self._stopping or (self._marked and not self._inotify_asleep):
            return 0
        if self._inotify_asleep:
            return REST_SECONDS * 1000
        if self._troubled:
            return RETRY_SECONDS * 1000
        if not self._followers and not self._clients:
            return LINGER_SECONDS * 1000
        return None

    def _rest(self, on: bool) -> None:
        """While resting, changes do not wake us; requests do."""
        if on != self._inotify_asleep:
            self._inotify_asleep = on
            self._poll.modify(self._inotify, 0 if on else select.POLLIN)

    def _hear_of_changes(self) -> None:
        for watch, mask in self._inotify.read():
            container_id = self._watches.get(watch)
            if container_id is not None:
                self._marked[container_id] = None
                if mask & _MOVED:
                    self._moved.add(container_id)
                if mask & IN_IGNORED:
                    del self._watches[watch]

    # following

    def _round(self) -> bool:
        """One chunk of each marked follower; those with more stay marked."""
        marked, self._marked = self._marked, {}
        for container_id in marked:
            follower = self._followers.get(container_id)
            if follower is not None and self._try(follower, follower.step):
                self._marked[container_id] = None
            elif follower is not None and container_id in self._moved:
                self._moved.discard(container_id)
                if self._look_for_source(follower):
                    self._marked[container_id] = None
        return bool(marked)

    def _try(self, follower: Follower, work: Callable[[], bool | None]) -> bool:
        """Do it; a full disk or the like is said once, and tried again later."""
        container_id = follower.followed.container_id
        try:
            more = work()
        except (TargetFullError, OSError) as error:
            if container_id not in self._troubled:
                self._say(f"container log waits container={container_id} error={_text(error)}")
                self._retry_at = time.monotonic() + RETRY_SECONDS
            self._troubled[container_id] = _text(error)
            return False
        if self._troubled.pop(container_id, None):
            self._say(f"container log goes on container={container_id}")
        if follower.unreadable:
            self._say(f"unreadable engine log records left out container={container_id} count={follower.unreadable}")
            follower.unreadable = 0
        return bool(more)

    def _adopt(self, followed: Followed, from_end: bool = False) -> None:
        """Begin to follow, from the checkpoint if there is one. OSError when the target cannot be made."""
        position = self._checkpoints.position(followed.container_id)
        if position is None and from_end:
            status = Path(followed.source).stat()
            position = Position(status.st_ino, status.st_size)
        fd = self._checkpoints.add(followed)
        try:
            follower = Follower(followed, position, fd)
        except OSError as error:
            os.close(fd)
            if position is None:
                self._checkpoints.remove(followed.container_id)
                raise
            self._say(f"container log cannot be continued container={followed.container_id} error={_text(error)}")
            return
        self._followers[followed.container_id] = follower
        self._look_for_source(follower)
        self._marked[followed.container_id] = None

    def _look_for_source(self, follower: Follower) -> bool:
        """Open the json-file and watch it, or watch for it while the engine has not made it."""
        container_id = follower.followed.container_id
        source = Path(follower.followed.source)
        for _ in range(2):  # it may appear between our looking and our watching
            try:
                if follower.open_source():
                    self._unwatch(container_id)
                    self._watches[self._inotify.watch(source, _SOURCE_EVENTS)] = container_id
                    return True
                self._watches[self._inotify.watch(source.parent, _DIRECTORY_EVENTS)] = container_id
            except FileNotFoundError:
                continue
            except OSError as error:
                self._say(f"engine log cannot be followed container={container_id} error={_text(error)}")
                return False
        return False

    def _unwatch(self, container_id: str) -> None:
        for watch in [watch for watch, of in self._watches.items() if of == container_id]:
            del self._watches[watch]
            self._inotify.unwatch(watch)

    # requests

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        self._clients[sock.fileno()] = _Client(sock)
        self._poll.register(sock, select.POLLIN)

    def _serve(self, fd: int) -> None:
        client = self._clients[fd]
        try:
            data = client.sock.recv(_RECEIVE_BYTES)
            requests = client.decoder.feed(data)
        except BlockingIOError:
            return
        except (OSError, msgspec.MsgspecError):
            data, requests = b"", []
        if not data:
            self._poll.unregister(fd)
            del self._clients[fd]
            client.sock.close()
            self._useless_at = 0.0
        for request in requests:
            try:
                client.send(self._answer(request))
            except (OSError, TargetFullError) as error:
                problem = f"{request.op} container {request.container_id}: {_text(error)}"
                client.send(Response(request.id, error=problem))

    def _answer(self, request: Request) -> Response:
        follower = self._followers.get(request.container_id)
        if request.op == protocol.FOLLOW:
            wanted = Followed(request.container_id, request.source, request.target, request.release)
            if follower is None:
                self._adopt(wanted, from_end=request.from_end)
        elif request.op == protocol.LIST:
            return Response(request.id, containers=tuple(self._followers), version=protocol.VERSION)
        elif request.op == protocol.STOP:
            self._stopping = True
        elif request.op == protocol.FORGET:
            if follower is not None:
                self._unwatch(request.container_id)
                follower.close()
                del self._followers[request.container_id]
                self._troubled.pop(request.container_id, None)
            self._checkpoints.remove(request.container_id)
        elif follower is None:
            return Response(request.id, error=f"container {request.container_id} is not followed")
        elif request.op == protocol.REOPEN:
            follower.reopen()
        elif request.op == protocol.DRAIN:
            follower.drain()
        else:
            return Response(request.id, error=f"unknown request {request.op!r}")
        return Response(request.id)

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 (the process's own log file)
        for client in self._clients.values():
            client.send(Response(0, notice=text))


def _text(error: Exception) -> str:
    """What and where, without errno's number."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(8)
    listener.setblocking(False)
    return listener


def main(arguments: list[str]) -> int:
    """`python -m dockershim.logs STATE_DIR`: exit status 3 when another one is at work there."""
    if len(arguments) != 1:
        print("usage: python -m dockershim.logs STATE_DIR", file=sys.stderr)  # noqa: T201
        return 2
    state_dir = Path(arguments[0]).absolute()
    os.chdir("/")
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(state_dir / protocol.LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 3
    process = LogProcess(state_dir)
    signal.signal(signal.SIGTERM, lambda *_: process.stop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process.run()
    return 0
