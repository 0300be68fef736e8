"""The pod network of a node, made by CNI plugins.

    conf directory ─(changes)─▶ current network ─┐
    set_up(pod) ─────────────▶ lo up ─▶ ADD of each plugin ─▶ cache ─▶ addresses
                                         └─ fails ─▶ DEL of each plugin, then the error
    tear_down(pod) ──────────▶ cache ─▶ DEL of each plugin as it was ADDed ─▶ forget, flush UDP connections

Invariants kept here and nowhere else: per sandbox one operation at a time; whatever was added is in the cache or has
been deleted; DEL uses the configuration that ADD used, whatever the directory says today.
"""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dockershim.network import conntrack, netns
from dockershim.network.cache import CachedAttachment, ResultCache
from dockershim.network.chain import AddFailedError, PluginChain
from dockershim.network.conf import NetworkConf, parse_network
from dockershim.network.conf_dir import changes, read_directory
from dockershim.network.errors import (
    CacheError,
    NamespaceError,
    NetworkConfigError,
    NetworkError,
    NetworkNotReadyError,
    PluginError,
)
from dockershim.network.invocation import Attachment
from dockershim.network.model import NetworkResult, NetworkStatus, PodNetwork, PortMapping
from dockershim.network.result import to_network_result
from dockershim.network.runtime_config import capability_args, cni_args

logger = logging.getLogger(__name__)

POD_INTERFACE = "eth0"
PLUGIN_DEADLINE_SECONDS = 90.0
STATUS_TTL_SECONDS = 30.0
"""How long a good answer of the plugins' STATUS holds; the kubelet asks every 5 s."""
_SETTLE_SECONDS = 0.05
"""A configuration is often written in several steps; one look after the last is enough."""
_REMEMBERED_GONE = 1024


class CNINetwork:
    """Sets up, checks and tears down the network of sandboxes by the first valid configuration of `conf_dir`."""

    def __init__(
        self,
        conf_dir: Path,
        bin_dirs: Sequence[Path],
        cache_dir: Path,
        *,
        deadline_seconds: float = PLUGIN_DEADLINE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._conf_dir = conf_dir.absolute()
        self._chain = PluginChain(bin_dirs, deadline_seconds)
        self._cache = ResultCache(cache_dir)
        self._clock = clock
        self._current: NetworkConf | None = None
        self._problems: tuple[str, ...] = ()
        self._pod_cidr = ""
        self._status_good_until = 0.0
        self._addresses: dict[str, tuple[str, ...]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._pins = netns.NamespacePins()
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    async def start(self) -> None:
        """Load the configuration once; afterwards `status` is true. A directory that is absent is no error."""
        await self._reload()

    async def run(self) -> None:
        """Follow the configuration directory until cancelled; run it in the caller's TaskGroup."""
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
                await self._reload()

    def set_pod_cidr(self, cidr: str) -> None:
        """CRI's UpdateRuntimeConfig; plugins with the `ipRanges` capability get it as their ranges."""
        if cidr != self._pod_cidr:
            logger.info("pod CIDR set cidr=%s", cidr)
        self._pod_cidr = cidr

    async def status(self) -> NetworkStatus:
        """Cheap: answers from memory, save where the configuration is of CNI 1.1 and its plugins have STATUS."""
        if self._current is None:
            await self._reload()  # plugins may have been installed since; their directories are not watched
        try:
            network = self._ready_network()
            if self._clock() >= self._status_good_until:
                await self._chain.status(network)
                self._status_good_until = self._clock() + STATUS_TTL_SECONDS
        except NetworkError as error:
            return NetworkStatus(False, "NetworkPluginNotReady", f"docker: network plugin is not ready: {error}")
        return NetworkStatus(True)

    async def set_up(self, pod: PodNetwork) -> NetworkResult:
        """ADD. On any error, and on cancellation, DEL has been run for every plugin before it is raised.

        A sandbox that is set up already keeps what it has: the retry of a call that had timed out gets its result.
        """
        network = self._ready_network()
        attachment = self._attachment(pod)
        async with self._alone(pod.sandbox_id):
            await netns.bring_up_loopback(pod.netns)
            for earlier in await self._cached(pod.sandbox_id):
                if earlier.attachment.netns == pod.netns and await netns.global_addresses(pod.netns, POD_INTERFACE):
                    self._pins.hold(pod.sandbox_id, pod.netns)
                    return self._remember(pod.sandbox_id, to_network_result(earlier.result))
                await self._delete_cached(earlier, self._pins.path(pod.sandbox_id, ""))
            self._pins.hold(pod.sandbox_id, pod.netns)
            raw: Mapping[str, Any] | None = None
            try:
                raw = await self._chain.add(network, attachment)
                result = self._checked_result(network, attachment, raw)
                await asyncio.to_thread(
                    self._cache.save, CachedAttachment(network.name, attachment, network.raw, raw)
                )
            except AddFailedError as failed:
                await self._roll_back(network, attachment, failed.last_result, failed.cause)
                raise failed.cause from None
            except BaseException as error:
                await self._roll_back(network, attachment, raw, error)
                raise
            return self._remember(pod.sandbox_id, result)

    async def tear_down(self, pod: PodNetwork) -> None:
        """DEL; idempotent, works without `pod.netns` and after the configuration has changed.

        The namespace is held from the first step on, so the caller may end its processes meanwhile."""
        if pod.netns:
            self._pins.hold(pod.sandbox_id, pod.netns)
        async with self._alone(pod.sandbox_id):
            cached = await self._cached(pod.sandbox_id)
            netns_path = self._pins.path(pod.sandbox_id, pod.netns)
            if cached:
                for attached in cached:
                    await self._delete_cached(attached, netns_path)
            elif pod.sandbox_id not in self._gone and self._current is not None:
                # Made by an ADD that we never saw the end of: DEL of what may be there is safe by specification.
                await self._chain.delete(self._current, replace(self._attachment(pod), netns=netns_path), None)
                await self._flush_udp(pod.port_mappings)
            self._forget(pod.sandbox_id)

    async def check(self, pod: PodNetwork) -> None:
        """CHECK: raise PluginError when the network of the sandbox is not as it was made."""
        async with self._alone(pod.sandbox_id):
            for cached in await self._cached(pod.sandbox_id):
                network = self._network_of(cached)
                await self._chain.check(network, replace(cached.attachment, netns=pod.netns), cached.result)

    async def addresses(self, pod: PodNetwork) -> tuple[str, ...]:
        """Addresses of the sandbox from the cached result; without one, those in its network namespace."""
        self._pins.hold(pod.sandbox_id, pod.netns)
        known = self._addresses.get(pod.sandbox_id)
        if known is not None:
            return known
        for cached in await self._cached(pod.sandbox_id):
            with contextlib.suppress(ValueError):
                return self._remember(pod.sandbox_id, to_network_result(cached.result)).ips
        if not pod.netns:
            return ()
        with contextlib.suppress(NamespaceError):
            return await netns.global_addresses(pod.netns, POD_INTERFACE)
        return ()

    async def collect_garbage(self, live_sandbox_ids: Collection[str]) -> None:
        """DEL every attachment in the cache whose sandbox is not in `live_sandbox_ids`; then GC, where CNI 1.1 has it.

        One that fails is reported and stays in the cache for the next time. A sandbox that is being set up while the
        list was made, or since, is not in the list and alive.
        """
        live = frozenset(live_sandbox_ids) | frozenset(self._locks)
        set_up_before = frozenset(self._addresses)
        kept: list[Attachment] = []
        for cached in await asyncio.to_thread(self._cache.all):
            sandbox_id = cached.attachment.container_id
            if cached.attachment.ifname != POD_INTERFACE:
                continue
            if sandbox_id in live or (sandbox_id in self._addresses and sandbox_id not in set_up_before):
                kept.append(cached.attachment)
                continue
            try:
                async with self._alone(sandbox_id):
                    await self._delete_cached(cached, self._pins.path(sandbox_id, ""))
                    self._forget(sandbox_id)
                logger.info("leaked network attachment removed sandbox=%s network=%s", sandbox_id, cached.network)
            except NetworkError as error:
                logger.warning("leaked network attachment stays sandbox=%s error=%s", sandbox_id, error)
        if self._current is not None:
            await self._chain.collect_garbage(self._current, kept)

    # configuration

    def _ready_network(self) -> NetworkConf:
        if self._current is None:
            found = self._problems or (f"no network configuration (*.conflist, *.conf, *.json) in {self._conf_dir}",)
            detail = "".join(f"; {problem}" for problem in found)
            raise NetworkNotReadyError(f"cni config uninitialized{detail}")
        if "ipRanges" in self._current.capabilities and not self._pod_cidr:
            raise NetworkNotReadyError("no PodCIDR set")
        return self._current

    async def _reload(self) -> None:
        """Take the first valid configuration; say what is wrong with those before it, once per change."""
        directory = await asyncio.to_thread(read_directory, self._conf_dir)
        problems = [str(error) for error in directory.broken]
        chosen = None
        for network in directory.networks:
            try:
                await self._chain.validate(network)
            except NetworkConfigError as error:
                problems.append(str(error))
            else:
                chosen = network
                break
        for problem in problems:
            if problem not in self._problems:
                logger.warning("CNI configuration ignored: %s", problem)
        self._problems = tuple(problems)
        if chosen == self._current:
            return
        if chosen is not None:
            kinds = ",".join(plugin.type for plugin in chosen.plugins)
            logger.info("pod network configured name=%s plugins=%s file=%s", chosen.name, kinds, chosen.path)
        else:
            logger.warning("pod network gone: no usable configuration in %s", self._conf_dir)
        self._current = chosen
        self._status_good_until = 0.0

    # one sandbox

    @contextlib.asynccontextmanager
    async def _alone(self, sandbox_id: str) -> AsyncIterator[None]:
        lock, users = self._locks.get(sandbox_id) or (asyncio.Lock(), 0)
        self._locks[sandbox_id] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[sandbox_id]
            if users == 1:
                del self._locks[sandbox_id]
            else:
                self._locks[sandbox_id] = (lock, users - 1)

    def _attachment(self, pod: PodNetwork) -> Attachment:
        return Attachment(
            container_id=pod.sandbox_id,
            netns=pod.netns,
            ifname=POD_INTERFACE,
            args=cni_args(pod),
            capability_args=capability_args(pod, self._pod_cidr),
        )

    async def _cached(self, sandbox_id: str) -> list[CachedAttachment]:
        found = await asyncio.to_thread(self._cache.of_sandbox, sandbox_id)
        return [cached for cached in found if cached.attachment.ifname == POD_INTERFACE]

    def _network_of(self, cached: CachedAttachment) -> NetworkConf:
        """The configuration that it was added with; records of the old format have none, then it is today's."""
        if cached.config:
            return parse_network(cached.config, str(cached.path))
        if self._current is not None and self._current.name == cached.network:
            return self._current
        raise CacheError(f"{cached.path}: has no configuration, and network {cached.network!r} is not configured")

    async def _delete_cached(self, cached: CachedAttachment, netns_path: str) -> None:
        """The recorded netns is never used: its pid may be another process by now."""
        attachment = replace(cached.attachment, netns=netns_path)
        await self._chain.delete(self._network_of(cached), attachment, cached.result or None)
        await self._flush_udp(_port_mappings(cached.attachment.capability_args))
        await asyncio.to_thread(self._cache.forget, cached)

    def _checked_result(self, network: NetworkConf, attachment: Attachment, raw: Mapping[str, Any]) -> NetworkResult:
        last = network.plugins[-1].type
        try:
            result = to_network_result(raw)
        except (ValueError, AttributeError, TypeError) as error:
            raise PluginError(last, "ADD", attachment.container_id, f"result cannot be read: {error}") from error
        if not result.ips:
            raise PluginError(last, "ADD", attachment.container_id, "result has no address for the pod")
        return result

    async def _roll_back(
        self, network: NetworkConf, attachment: Attachment, last_result: Mapping[str, Any] | None, cause: BaseException
    ) -> None:
        """DEL for all plugins, also those that were not reached. What cannot be undone now is recorded for later."""
        try:
            await asyncio.shield(self._chain.delete(network, attachment, last_result))
        except NetworkError as error:
            cause.add_note(f"taking it down again failed too: {error}")
            logger.warning("half-made pod network stays sandbox=%s error=%s", attachment.container_id, error)
            record = CachedAttachment(network.name, attachment, network.raw, last_result or {})
            await asyncio.to_thread(self._cache.save, record)

    async def _flush_udp(self, mappings: tuple[PortMapping, ...]) -> None:
        targets = conntrack.udp_targets(mappings)
        if not targets:
            return
        try:
            flushed = await asyncio.to_thread(conntrack.flush, targets)
        except OSError as error:
            logger.warning("stale UDP connections stay ports=%s error=%s", sorted(targets), error)
            return
        logger.debug("stale UDP connections flushed ports=%s count=%d", sorted(targets), flushed)

    def _remember(self, sandbox_id: str, result: NetworkResult) -> NetworkResult:
        self._addresses[sandbox_id] = result.ips
        self._gone.pop(sandbox_id, None)
        return result

    def _forget(self, sandbox_id: str) -> None:
        self._addresses.pop(sandbox_id, None)
        self._pins.release(sandbox_id)
        self._gone[sandbox_id] = None
        if len(self._gone) > _REMEMBERED_GONE:
            self._gone.popitem(last=False)


def _port_mappings(args: Mapping[str, Any]) -> tuple[PortMapping, ...]:
    """The `portMappings` capability as it was recorded."""
    return tuple(
        PortMapping(
            protocol=str(item.get("protocol", "")),
            container_port=int(item.get("containerPort", 0)),
            host_port=int(item.get("hostPort", 0)),
            host_ip=str(item.get("hostIP", "")),
        )
        for item in args.get("portMappings") or ()
    )
