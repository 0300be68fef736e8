"""A machine before `kubeadm init` or `kubeadm join`: Docker Engine, our programs in /usr/bin, systemd units.

Everything below /usr is the host's seen through an overlay, so that what is installed lands in the node alone. Programs
lie where README.md says that they go: /opt/podwright/bin, with links in /usr/bin.
"""

import asyncio
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from conformance import builds
from conformance.images import Image, load_into_engine
from conformance.throwaway import CHECKOUT, NODE_PATH, Completed, NodeError, ThrowawayNode
from conformance.wire import Wire

CRI_SOCKET = "/run/cri-dockerd.sock"
"""Where the dockershim's unit serves, and one of the three places where kubeadm looks."""
PACKAGED_UNITS = CHECKOUT / "packaging" / "systemd"
DISTRIBUTION_UNIT = Path(__file__).with_name("distribution.service")
UNITS = "/usr/lib/systemd/system"
INSTALLED = "/opt/podwright/bin"
CONSOLE_SCRIPTS = {"kubelet": "kubelet", "dockershim": "dockershim", "podwright": "kubelet.operator"}
PROGRAMS = ("kubeadm", "kubectl")


class Machine:
    """One machine. `kubelet_unit` is the one that its kubelet package brought; an empty `node_name` is its host's."""

    def __init__(
        self, name: str, wire: Wire, address: str, *, node_name: str, kubelet_unit: Path, host_link: bool,
        detached: bool, engine: str,
    ) -> None:  # fmt: skip
        self.node_name = node_name or name
        self.node = ThrowawayNode(
            name, engine, address=address, wire=wire, host_link=host_link, detached=detached,
            shared=[builds.cache_dir()],
        )  # fmt: skip
        self._kubelet_unit = kubelet_unit

    async def prepare(self, preload: Sequence[Image]) -> None:
        """Install, load the images, start the dockershim. The node must be running."""
        await cover_usr(self.node)
        await asyncio.to_thread(self._install)
        await load_into_engine(self.node.docker_socket, preload)
        await self.run("systemctl", "enable", "kubelet", "dockershim")
        await self.run("systemctl", "start", "dockershim")

    async def lose_power(self) -> None:
        """Every process of the machine ends at once: engine, containers, services and who supervises them."""
        await self.node.run(["sh", "-c", "kill -KILL -1"], check=False)

    async def boot(self) -> None:
        """What init starts on a machine that comes back: the engine, and the enabled units."""
        await self.node.start_engine()
        await self.run("systemctl", "start", "dockershim", "kubelet")

    async def run(
        self, *words: str | Path, check: bool = True, timeout: float = 60.0, stdin: str | None = None
    ) -> Completed:
        """Run a command as root's shell on such a machine would; a failure tells the end of the services' logs."""
        done = await self.node.run(words, env={"PATH": NODE_PATH}, check=False, timeout=timeout, stdin=stdin)
        if check and done.returncode:
            said = [done.stdout.strip(), done.stderr.strip()]
            said += [f"-- {unit}:\n{self.log_tail(unit)}" for unit in ("kubelet", "dockershim")]
            failed = f"{self.node.name}: `{shlex.join(done.command)}` ended with {done.returncode}"
            raise NodeError("\n".join([f"{failed}:", *said]))
        return done

    def log_tail(self, unit: str, lines: int = 20) -> str:
        log = self.node.path(f"/var/log/{unit}.service.log")
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"

    def _install(self) -> None:
        node = self.node
        for name, module in CONSOLE_SCRIPTS.items():
            write_program(node, f"{INSTALLED}/{name}", f'{sys.executable} -m {module} "$@"')
            link(node, f"/usr/bin/{name}", f"{INSTALLED}/{name}")
        for name in PROGRAMS:
            link(node, f"/usr/bin/{name}", str(builds.path(name)))
        write_unit(node, "kubelet.service", self._kubelet_unit.read_text())
        for unit in ("dockershim.service", "kubelet.service.d/10-kubeadm.conf"):
            write_unit(node, unit, (PACKAGED_UNITS / unit).read_text())


async def cover_usr(node: ThrowawayNode) -> None:
    """Let the node have a /usr of its own to write to, with a `systemctl` in it."""
    upper, work = node.scratch / "upper" / "usr", node.scratch / "work" / "usr"
    upper.mkdir()
    work.mkdir()
    options = f"lowerdir=/usr,upperdir={upper},workdir={work}"
    await node.run(["mount", "-t", "overlay", "-o", options, "podwright-usr", "/usr"])
    write_program(node, "/usr/bin/systemctl", f'{sys.executable} -m conformance.kubeadm.systemctl "$@"')


def write_program(node: ThrowawayNode, path: str, command: str) -> None:
    """A program of ours at `path`, whatever environment it is called with."""
    program = node.path(path)
    program.parent.mkdir(parents=True, exist_ok=True)
    program.unlink(missing_ok=True)
    environment = f"PYTHONPATH={CHECKOUT}:{CHECKOUT / 'gc'} PYTHONDONTWRITEBYTECODE=1"
    program.write_text(f"#!/bin/sh\nexport {environment}\nexec {command}\n")
    program.chmod(0o755)


def link(node: ThrowawayNode, path: str, target: str) -> None:
    found = node.path(path)
    found.unlink(missing_ok=True)
    found.symlink_to(target)


def write_unit(node: ThrowawayNode, name: str, text: str) -> None:
    """A unit, or a drop-in of one, as packages bring them."""
    file = node.path(f"{UNITS}/{name}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
