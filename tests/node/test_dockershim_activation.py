"""The dockershim behind a socket that a service manager listens on: who connects while it restarts, waits."""

import asyncio
import signal
import subprocess
import sys

import pytest
from shim_under_test import ShimUnderTest

from conformance.throwaway import CHECKOUT, DOCKER_SOCKET, ThrowawayNode
from cri.v1 import api_pb2 as cri

MANAGER = """
import os, signal, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
while True:
    child = os.fork()
    if not child:
        os.dup2(os.dup(listener.fileno()), 3)
        os.set_inheritable(3, True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
        os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
    print("started", child, flush=True)
    signal.signal(signal.SIGHUP, lambda *_: os.kill(child, signal.SIGKILL))
    signal.signal(signal.SIGTERM, lambda *_: (os.kill(child, signal.SIGTERM), os.waitpid(child, 0), os._exit(0)))
    os.waitpid(child, 0)
"""
"""What systemd does with a socket unit and Restart=always; SIGHUP kills the service."""


HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


class ActivatedShim(ShimUnderTest):
    endpoint = "fd://"

    async def start(self) -> None:
        self.process = await self.node.spawn(
            [
                sys.executable, "-c", MANAGER, self.socket, "-m", "dockershim",
                f"--container-runtime-endpoint={self.endpoint.format(socket=self.socket)}",
                f"--docker-endpoint=unix://{DOCKER_SOCKET}", "--cni-bin-dir=/usr/lib/cni",
                f"--cri-dockerd-root-directory={self.root}", "-v=4",
            ],
            name=f"dockershim-{self.number}",
            env={"PYTHONPATH": str(CHECKOUT)},
        )


class ByPath(ActivatedShim):
    endpoint = "unix://{socket}"


async def first_frame(path: str) -> bytes:
    """The head of the server's first frame. A process that ends may still take a connection, and closes it then;
    refused is nobody, which would raise."""
    while True:
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            writer.write(HTTP2_PREFACE)
            return await reader.readexactly(9)
        except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError):
            continue
        finally:
            writer.close()


@pytest.mark.parametrize("kind", [ActivatedShim, ByPath])
async def test_clients_wait_while_an_activated_dockershim_restarts(
    fresh_node: ThrowawayNode, kind: type[ActivatedShim]
) -> None:
    async with kind(fresh_node) as shim:
        pod = shim.pod("activated")
        sandbox_id = await shim.run_pod(pod)
        container_id = await shim.run_container(sandbox_id, pod, shim.container("echo hello; sleep 1000"))
        assert (await shim.exec(container_id, "head -c 3000000 /dev/zero | wc -c")).stdout == b"3000000\n"
        assert shim.process is not None
        for _ in range(3):
            shim.process.signal(signal.SIGHUP)
            async with asyncio.timeout(30):  # whoever connects is not refused, and answered by the next process
                settings = await first_frame(str(shim.node.path(shim.socket)))
            assert settings[3] == 4  # the type of a SETTINGS frame
            await shim.ready()
            assert (await shim.status(container_id)).state == cri.CONTAINER_RUNNING
        assert (await shim.sandbox_status(sandbox_id)).state == cri.SANDBOX_READY


def test_without_a_socket_it_says_what_is_missing(tmp_path: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dockershim", f"--root-directory={tmp_path}", "--container-runtime-endpoint=fd://"],
        capture_output=True, text=True, cwd=CHECKOUT, check=False, timeout=30,
    )
    assert done.returncode == 1
    assert "systemd has handed over no socket" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(("flag", "said"), [("--version", "dockershim "), ("--buildinfo", "Python version: 3.")])
def test_it_says_what_it_is(flag: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dockershim", flag], capture_output=True, text=True, cwd=CHECKOUT, check=True, timeout=30
    )
    assert said in done.stdout
