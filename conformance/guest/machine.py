"""Guest: one boot of the image in QEMU, without network and without KVM, that ends with the `async with`.

    async with Guest() as guest:
        await guest.run(["systemctl", "start", "docker"])
        text = (await guest.read("/sys/fs/cgroup/kubepods.slice/cpu.weight")).decode()

The disk is opened as a snapshot: nothing that a guest does stays, and several may run of one image. The checkout is a
second disk, written anew for each boot, at /opt/podwright. Commands go over a virtio port to `agent.py`. Everything is
emulated (at a tenth of the speed) and at low priority; if this process dies, the kernel ends QEMU.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from conformance.guest.agent import PORT_NAME
from conformance.guest.image import CHECKOUT, GuestError, GuestImage, ensure_image
from conformance.throwaway import Completed

BOOT_SECONDS = 240.0
ANSWER_SECONDS = 30.0
"""Beyond a command's own time."""
PACKAGES = ("cri", "dockershim", "gc", "kubelet", "pleg", "probes", "conformance", "tests", "examples")
KERNEL_LINE = (
    "console=ttyS0 root=/dev/vda rw panic=-1 mitigations=off quiet systemd.show_status=no net.ifnames=0 hugepages=2"
    " apparmor=0"  # the image has no apparmor_parser, without which the engine starts nothing
)

Json = dict[str, Any]


def qemu_command(image: GuestImage, directory: Path, *, memory_mib: int, cpus: int) -> list[str]:
    """`directory` holds the disk `tree.ext4` and gets the socket and the console's log."""
    return [
        "nice", "-n", "15", "setpriv", "--pdeathsig", "KILL",
        "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35", "-cpu", "max",
        "-smp", str(cpus), "-m", str(memory_mib), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-nic", "none", "-kernel", str(image.kernel), "-initrd", str(image.initramfs), "-append", KERNEL_LINE,
        "-serial", f"file:{directory}/console.log",
        "-drive", f"file={image.disk},format=raw,if=virtio,snapshot=on",
        "-drive", f"file={directory}/tree.ext4,format=raw,if=virtio",
        "-device", "virtio-serial-pci",
        "-chardev", f"socket,path={directory}/agent.sock,server=on,wait=on,id=agent",
        "-device", f"virtserialport,chardev=agent,name={PORT_NAME}",
    ]  # fmt: skip


class _Link(asyncio.Protocol):
    """The host's end of the port: gives each answer to whoever asked. `ended` tells what the console said last."""

    def __init__(self, ended: Callable[[], str]) -> None:
        self._ended = ended
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Json]] = {}
        self._transport: asyncio.WriteTransport | None = None
        self._pending = bytearray()
        self.hello: asyncio.Future[Json] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pending += data
        if b"\n" not in data:
            return
        *lines, rest = self._pending.split(b"\n")
        self._pending = rest
        for line in lines:
            message: Json = json.loads(line)
            waiting = self.hello if "hello" in message else self._answers.get(message["id"])
            if waiting is not None and not waiting.done():
                waiting.set_result(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        for waiting in (self.hello, *self._answers.values()):
            if not waiting.done():
                waiting.set_exception(GuestError(f"the guest has ended ({exc or 'closed'}):\n{self._ended()}"))
                waiting.exception()  # nobody may be waiting

    async def ask(self, request: Mapping[str, Any], timeout: float) -> Json:
        if self._transport is None:
            raise GuestError(f"the guest has ended:\n{self._ended()}")
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(json.dumps({"id": number, **request}).encode() + b"\n")
            async with asyncio.timeout(timeout):
                result: Json = await answer
                return result
        except TimeoutError:
            raise GuestError(f"the guest did not answer within {timeout:.0f} s:\n{self._ended()}") from None
        finally:
            del self._answers[number]


class Guest:
    """Used on one event loop. Raises GuestError."""

    def __init__(self, image: GuestImage | None = None, *, memory_mib: int = 2048, cpus: int = 2) -> None:
        self._image, self._memory, self._cpus = image, memory_mib, cpus
        self._stack = contextlib.AsyncExitStack()
        self._link: _Link | None = None
        self._directory = Path()
        self.kernel_release = ""

    async def __aenter__(self) -> Self:
        image = self._image if self._image is not None else await asyncio.to_thread(ensure_image)
        try:
            await self._boot(image)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        await self._stack.aclose()

    async def run(self, argv: Sequence[str], *, timeout: float = 60.0, check: bool = True, stdin: bytes = b"",
                  env: Mapping[str, str] | None = None) -> Completed:
        """A command in the guest; `check` makes a failing one a GuestError."""
        request = {"argv": list(argv), "env": dict(env or {}), "stdin": base64.b64encode(stdin).decode(),
                   "timeout": timeout}
        answer = await self._ask(request, timeout + ANSWER_SECONDS)
        stdout, stderr = (base64.b64decode(answer[name]).decode(errors="replace") for name in ("stdout", "stderr"))
        done = Completed(tuple(argv), answer["returncode"], stdout, stderr)
        if check and done.returncode:
            raise GuestError(f"{' '.join(argv)} failed in the guest with {done.returncode}:\n"
                             f"{stdout[-4000:]}{stderr[-4000:]}")
        return done

    async def write(self, path: str, content: bytes | str) -> None:
        """Make or replace a file, and the directories above it."""
        data = content.encode() if isinstance(content, str) else content
        await self._ask({"write": path, "content": base64.b64encode(data).decode()}, ANSWER_SECONDS)

    async def read(self, path: str) -> bytes:
        return base64.b64decode((await self._ask({"read": path}, ANSWER_SECONDS))["content"])

    def console(self, lines: int = 40) -> str:
        """The end of what the kernel and systemd have said, and QEMU."""
        said = [path.read_text(errors="replace") for name in ("console.log", "qemu.log")
                if (path := self._directory / name).exists()]
        return "\n".join("".join(said).splitlines()[-lines:])

    async def _boot(self, image: GuestImage) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="podwright-guest-", dir="/var/tmp")
        self._directory = Path(self._stack.enter_context(scratch))
        await write_tree_disk(self._directory / "tree.ext4")
        command = qemu_command(image, self._directory, memory_mib=self._memory, cpus=self._cpus)
        with (self._directory / "qemu.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stderr=log)
        self._stack.push_async_callback(_end, process)
        self._link = await self._connect(process)
        try:
            async with asyncio.timeout(BOOT_SECONDS):
                self.kernel_release = (await self._link.hello)["hello"]
        except TimeoutError:
            raise GuestError(f"the guest did not come up within {BOOT_SECONDS:.0f} s:\n{self.console()}") from None

    async def _connect(self, process: asyncio.subprocess.Process) -> _Link:
        """QEMU waits for this connection before it boots."""
        loop = asyncio.get_running_loop()
        while process.returncode is None:
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                transport, link = await loop.create_unix_connection(
                    lambda: _Link(self.console), str(self._directory / "agent.sock"))
                self._stack.callback(transport.close)
                return link
            await asyncio.sleep(0.05)
        raise GuestError(f"QEMU ended with {process.returncode}:\n{self.console()}")

    async def _ask(self, request: Mapping[str, Any], timeout: float) -> Json:
        assert self._link is not None, "a guest is used within `async with`"
        answer = await self._link.ask(request, timeout)
        if "error" in answer:
            about = request.get("argv") or request.get("write") or request.get("read")
            raise GuestError(f"{about}: {answer['error']}")
        return answer


async def write_tree_disk(disk: Path) -> None:
    """This checkout as an ext4 file system."""
    with tempfile.TemporaryDirectory(dir=disk.parent) as scratch:
        await asyncio.to_thread(_copy_tree, Path(scratch))
        words = ["mkfs.ext4", "-q", "-O", "^has_journal", "-d", scratch, str(disk), "128M"]
        pipe, same = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
        process = await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=same)
        told, _ = await process.communicate()
    if process.returncode:
        raise GuestError(f"{' '.join(words)} failed: {told.decode(errors='replace')}")


def _copy_tree(target: Path) -> None:
    target.chmod(0o755)
    for name in PACKAGES:
        shutil.copytree(CHECKOUT / name, target / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, target / name)


async def _end(process: asyncio.subprocess.Process) -> None:
    """QEMU itself: `nice` and `setpriv` have become it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, 9)
    await process.wait()
