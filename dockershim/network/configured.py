"""Which network pods get now: the first valid configuration of the directory, followed while it changes.

A configuration is valid when it can be read and all its plugins are there and speak a version that it offers. Those
that are not are named in the log, once per change, and in the NetworkReady condition while there is no other.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

from dockershim.network.chain import PluginChain
from dockershim.network.conf import NetworkConf
from dockershim.network.conf_dir import Directory, changes, read_directory
from dockershim.network.errors import NetworkConfigError, NetworkError, NetworkNotReadyError
from dockershim.network.model import NetworkStatus

logger = logging.getLogger(__name__)

STATUS_TTL_SECONDS = 30.0
"""How long a good answer of the plugins' STATUS holds; the kubelet asks every 5 s."""
_SETTLE_SECONDS = 0.05
"""A configuration is often written in several steps; one look after the last is enough."""
_Signature = tuple[int, int, int] | None


class ConfiguredNetwork:
    def __init__(self, conf_dir: Path, chain: PluginChain, clock: Callable[[], float]) -> None:
        self._conf_dir = conf_dir.absolute()
        self._chain = chain
        self._clock = clock
        self._problems: tuple[str, ...] = ()
        self._seen: _Signature = None
        self._reading = asyncio.Lock()
        self._status_good_until = 0.0
        self.current: NetworkConf | None = None
        self.pod_cidr = ""

    def set_pod_cidr(self, cidr: str) -> None:
        if cidr != self.pod_cidr:
            logger.info("pod CIDR set cidr=%s", cidr)
        self.pod_cidr = cidr

    async def follow(self) -> None:
        """Read the directory anew after each change, until cancelled."""
        changed = asyncio.Event()

        async def listen() -> None:
            async for _ in changes(self._conf_dir):
                changed.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(listen())
            while True:
                await changed.wait()
                await asyncio.sleep(_SETTLE_SECONDS)
                changed.clear()
                await self.reload()

    async def status(self) -> NetworkStatus:
        """Cheap: answers from memory, save where the configuration is of CNI 1.1 and its plugins have STATUS.

        Without a network it looks again, since plugins may have been installed; their directories are not watched. And
        it looks again when the directory is another one: a mount over it is no event.
        """
        if self.current is None or self._signature() != self._seen:
            await self.reload()
        try:
            network = self.require()
            if self._clock() >= self._status_good_until:
                await self._chain.status(network)
                self._status_good_until = self._clock() + STATUS_TTL_SECONDS
        except NetworkError as error:
            return NetworkStatus(False, "NetworkPluginNotReady", f"docker: network plugin is not ready: {error}")
        return NetworkStatus(True)

    def require(self) -> NetworkConf:
        """NetworkNotReadyError when no pod can be set up now."""
        if self.current is None:
            found = self._problems or (f"no network configuration (*.conflist, *.conf, *.json) in {self._conf_dir}",)
            detail = "".join(f"; {problem}" for problem in found)
            raise NetworkNotReadyError(f"cni config uninitialized{detail}")
        if "ipRanges" in self.current.capabilities and not self.pod_cidr:
            raise NetworkNotReadyError("no PodCIDR set")
        return self.current

    async def reload(self) -> None:
        """Take the first valid configuration; say what is wrong with those before it."""
        async with self._reading:
            self._seen = self._signature()
            directory = await asyncio.to_thread(read_directory, self._conf_dir)
            chosen, problems = await self._choose(directory)
            for problem in problems:
                if problem not in self._problems:
                    logger.warning("CNI configuration ignored: %s", problem)
            self._problems = problems
            if chosen != self.current:
                self._take(chosen)

    async def _choose(self, directory: Directory) -> tuple[NetworkConf | None, tuple[str, ...]]:
        problems = [str(error) for error in directory.broken]
        for network in directory.networks:
            try:
                return await self._chain.agree(network), tuple(problems)
            except NetworkConfigError as error:
                problems.append(str(error))
        return None, tuple(problems)

    def _take(self, chosen: NetworkConf | None) -> None:
        if chosen is not None:
            kinds = ",".join(plugin.type for plugin in chosen.plugins)
            logger.info(
                "pod network configured name=%s version=%s plugins=%s file=%s",
                chosen.name, chosen.cni_version, kinds, chosen.path,
            )  # fmt: skip
        else:
            logger.warning("pod network gone: no usable configuration in %s", self._conf_dir)
        self.current = chosen
        self._status_good_until = 0.0

    def _signature(self) -> _Signature:
        """Changes whenever an entry of the directory does, or another directory is in its place."""
        try:
            stat = os.stat(self._conf_dir)  # noqa: PTH116 (a call on each status: no more than the system call)
        except OSError:
            return None
        return stat.st_dev, stat.st_ino, stat.st_mtime_ns
