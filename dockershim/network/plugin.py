"""The pod network of a node, made by CNI plugins.

    conf directory ─(changes)─▶ current network ─┐
    set_up(pod) ─▶ lo up, record ─▶ ADD of each plugin ─▶ record with result ─▶ addresses
                                     └─ fails ─▶ DEL of each plugin ─▶ forget, then the error
    tear_down(pod) ─▶ record ─▶ DEL of each plugin as it was ADDed ─▶ forget, flush UDP connections

Invariants kept here and nowhere else: per sandbox one operation at a time; whatever may have been added is in the cache
or has been deleted, also when this process is killed at any moment; DEL uses the configuration that ADD used, whatever
the directory says today.
"""

import asyncio
import contextlib
import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dockershim.finished_writes import finish_in_thread
from dockershim.network import conntrack, netns, orphans
from dockershim.network.cache import CachedAttachment, ResultCache
from dockershim.network.chain import AddFailedError, PluginChain
from dockershim.network.conf import NetworkConf, parse_network
from dockershim.network.configured import ConfiguredNetwork
from dockershim.network.errors import CacheError, NamespaceError, NetworkError, PluginDeadlineError, PluginError
from dockershim.network.invocation import Attachment
from dockershim.network.model import NetworkResult, NetworkStatus, PodNetwork, PortMapping
from dockershim.network.result import addresses_with_prefix, to_network_result, to_raw_result
from dockershim.network.runtime_config import PodNetworkRequestError, capability_args, cni_args
from dockershim.network.turns import Turns

logger = logging.getLogger(__name__)

POD_INTERFACE = "eth0"
PLUGIN_DEADLINE_SECONDS = 90.0
_REMEMBERED_GONE = 1024
_LOOKS_AT_THE_LINK = frozenset(("bridge", "ptp", "flannel"))
"""Plugins whose DEL removes masquerading rules only for the addresses of the link that it removes. Where the namespace
is gone, they are given one that shows the same."""


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
        pins_dir: Path | None = None,
    ) -> None:
        """Network namespaces are held in `pins_dir`, over our own end as well; without it, for as long as we live."""
        self._chain = PluginChain(bin_dirs, deadline_seconds)
        self._cache = ResultCache(cache_dir)
        self._network = ConfiguredNetwork(conf_dir, self._chain, clock)
        self._begun: set[str] = set()
        """Sandboxes whose set-up began in this process and that have not been torn down."""
        self._addresses: dict[str, tuple[str, ...]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._pins = netns.NamespacePins(pins_dir)
        self._turns = Turns()

    async def start(self) -> None:
        """Load the configuration once; afterwards `status` is true. A directory that is absent is no error."""
        if not self._network.pod_cidr:
            self._network.set_pod_cidr(await asyncio.to_thread(self._cache.pod_cidr))
        await self._network.reload()

    async def run(self) -> None:
        """Follow the configuration directory until cancelled; run it in the caller's TaskGroup."""
        await self._network.follow()

    async def set_pod_cidr(self, cidr: str) -> None:
        """CRI's UpdateRuntimeConfig; plugins with the `ipRanges` capability get it as their ranges. It is kept on disk:
        the kubelet tells it when it changes, and not to a dockershim that was restarted."""
        self._network.set_pod_cidr(cidr)
        try:
            await asyncio.to_thread(self._cache.keep_pod_cidr, cidr)
        except CacheError as error:
            logger.warning("pod CIDR will not be known after a restart error=%s", error)

    async def status(self) -> NetworkStatus:
        return await self._network.status()

    async def set_up(self, pod: PodNetwork) -> NetworkResult:
        """ADD. On any error, and on cancellation, DEL has been run for every plugin before it is raised.

        A sandbox that is set up already keeps what it has: the retry of a call that had timed out gets its result.
        """
        network = self._network.require()
        attachment = self._attachment(pod, network)
        async with self._turns.of_sandbox(pod.sandbox_id):
            self._begun.add(pod.sandbox_id)
            for earlier in await self._cached(pod.sandbox_id):
                if (result := await self._still_stands(pod, earlier)) is not None:
                    return result
                is_same = earlier.attachment.netns == pod.netns
                path = self._pins.path(pod.sandbox_id, pod.netns if is_same else "")
                await self._delete_cached(earlier, pod, path)
            await netns.bring_up_loopback(pod.netns)
            self._pins.hold(pod.sandbox_id, pod.netns)
            record = CachedAttachment(network.name, attachment, network.raw, {}, incomplete=True)
            raw: Mapping[str, Any] | None = None
            try:
                await finish_in_thread(self._cache.save, record)
                async with self._turns.behind_first((network.raw, *attachment.capability_args)):
                    raw = await self._chain.add(network, attachment)
                result = self._checked_result(network, attachment, raw)
                await finish_in_thread(self._cache.save, replace(record, result=raw, incomplete=False))
            except AddFailedError as failed:
                await self._roll_back(replace(record, result=failed.last_result or {}), failed.cause)
                raise failed.cause from None
            except BaseException as error:
                await self._roll_back(replace(record, result=raw or {}), error)
                raise
            return self._remember(pod.sandbox_id, result)

    async def tear_down(self, pod: PodNetwork) -> None:
        """DEL; idempotent, works without `pod.netns` and after the configuration has changed.

        The namespace is held from the first step on, so the caller may end its processes meanwhile."""
        if pod.netns:
            self._pins.hold(pod.sandbox_id, pod.netns)
        async with self._turns.of_sandbox(pod.sandbox_id):
            recorded = await self._cached(pod.sandbox_id)
            netns_path = self._pins.path(pod.sandbox_id, pod.netns)
            for cached in recorded:
                await self._delete_cached(cached, pod, netns_path)
            if not recorded and pod.sandbox_id not in self._gone:
                await self._delete_unrecorded(pod, netns_path)
            self._forget(pod.sandbox_id)

    async def check(self, pod: PodNetwork) -> None:
        """CHECK: PluginError when the network of the sandbox is not as it was made, CacheError when nobody knows."""
        async with self._turns.of_sandbox(pod.sandbox_id):
            made = [cached for cached in await self._cached(pod.sandbox_id) if not cached.incomplete]
            if not made:
                raise CacheError(f"there is no record of a network that was made for sandbox {pod.sandbox_id!r}")
            for cached in made:
                network = self._network_of(cached)
                await self._chain.check(network, replace(cached.attachment, netns=pod.netns), cached.result)

    async def addresses(self, pod: PodNetwork) -> tuple[str, ...]:
        """Addresses of the sandbox from the cached result; without one, those in its network namespace."""
        self._pins.hold(pod.sandbox_id, pod.netns)
        known = self._addresses.get(pod.sandbox_id)
        if known is not None:
            return known
        for cached in await self._cached(pod.sandbox_id):
            if not cached.incomplete:
                with contextlib.suppress(ValueError):
                    return self._remember(pod.sandbox_id, to_network_result(cached.result)).ips
        if not pod.netns:
            return ()
        with contextlib.suppress(NamespaceError):
            return await netns.global_addresses(pod.netns, POD_INTERFACE)
        return ()

    async def collect_garbage(self, live_sandbox_ids: Collection[str]) -> bool:
        """DEL every attachment in the cache whose sandbox is not in `live_sandbox_ids`; then GC, where CNI 1.1 has it.

        Whether that was all: one that fails is reported and stays in the cache for the next time. A sandbox that is
        being set up while the list was made, or since, is not in the list and alive.
        """
        live, begun_before = frozenset(live_sandbox_ids), frozenset(self._begun)
        stayed = set[str]()
        for cached in await asyncio.to_thread(self._cache.all):
            sandbox_id = cached.attachment.container_id
            is_new = sandbox_id in self._turns.sandboxes or sandbox_id in self._begun - begun_before
            if cached.attachment.ifname != POD_INTERFACE or sandbox_id in live or is_new:
                continue
            try:
                async with self._turns.of_sandbox(sandbox_id):
                    await self._delete_cached(cached, None, self._pins.path(sandbox_id, ""))
                    self._forget(sandbox_id)
                logger.info("leaked network attachment removed sandbox=%s network=%s", sandbox_id, cached.network)
            except NetworkError as error:
                stayed.add(sandbox_id)
                logger.warning("leaked network attachment stays sandbox=%s error=%s", sandbox_id, error)
        self._pins.keep_only(live | self._begun | self._turns.sandboxes | stayed)
        return await self._tell_plugins(live) and not stayed

    async def _tell_plugins(self, live: frozenset[str]) -> bool:
        """GC: plugins drop what they hold for others than those that are alive or recorded, recorded or not."""
        network = self._network.current
        if network is None or not self._chain.collects_garbage(network):
            return True
        async with self._turns.alone():
            recorded = await asyncio.to_thread(self._cache.all)
            ids = live.union(cached.attachment.container_id for cached in recorded)
            try:
                await self._chain.collect_garbage(network, [Attachment(one, ifname=POD_INTERFACE) for one in ids])
            except NetworkError as error:
                logger.warning("plugins did not collect what has leaked network=%s error=%s", network.name, error)
                return False
        return True

    # one sandbox

    def _attachment(self, pod: PodNetwork, network: NetworkConf) -> Attachment:
        offered = capability_args(pod, self._network.pod_cidr)
        return Attachment(
            container_id=pod.sandbox_id,
            netns=pod.netns,
            ifname=POD_INTERFACE,
            args=cni_args(pod),
            capability_args={name: value for name, value in offered.items() if name in network.capabilities},
        )

    def _attachment_for_del(self, pod: PodNetwork, network: NetworkConf) -> Attachment:
        """Annotations that cannot be understood have kept the pod from an ADD, and must not keep it from its DEL."""
        try:
            return self._attachment(pod, network)
        except PodNetworkRequestError:
            return self._attachment(replace(pod, annotations={}), network)

    async def _cached(self, sandbox_id: str) -> list[CachedAttachment]:
        found = await asyncio.to_thread(self._cache.of_sandbox, sandbox_id)
        return [cached for cached in found if cached.attachment.ifname == POD_INTERFACE]

    def _network_of(self, cached: CachedAttachment) -> NetworkConf:
        """The configuration that it was added with; records of the old format have none, then it is today's."""
        if cached.config:
            return parse_network(cached.config, str(cached.path))
        current = self._network.current
        if current is not None and current.name == cached.network:
            return current
        raise CacheError(f"{cached.path}: has no configuration, and network {cached.network!r} is not configured")

    async def _still_stands(self, pod: PodNetwork, earlier: CachedAttachment) -> NetworkResult | None:
        """The result of an earlier ADD for the same namespace, if that is as the plugins have left it."""
        if earlier.incomplete or earlier.attachment.netns != pod.netns:
            return None
        if not await netns.global_addresses(pod.netns, POD_INTERFACE):
            return None
        try:
            await self._chain.check(self._network_of(earlier), earlier.attachment, earlier.result)
        except NetworkError as error:
            logger.warning("network of a sandbox is not as it was made sandbox=%s error=%s", pod.sandbox_id, error)
            return None
        self._pins.hold(pod.sandbox_id, pod.netns)
        return self._remember(pod.sandbox_id, to_network_result(earlier.result))

    async def _delete_cached(self, cached: CachedAttachment, pod: PodNetwork | None, netns_path: str) -> None:
        """The recorded netns is never used: its pid may be another process by now. `pod` has the arguments where the
        record has none."""
        network, attachment = self._network_of(cached), cached.attachment
        if not cached.config and pod is not None:
            attachment = self._attachment_for_del(pod, network)
        attachment = replace(attachment, netns=netns_path)
        result = cached.result
        if cached.incomplete:
            await self._end_orphans(attachment.container_id)
            result = result or await self._seen(network, attachment, pod)
        await self._delete(network, attachment, result)
        await asyncio.to_thread(self._cache.forget, cached)

    async def _delete_unrecorded(self, pod: PodNetwork, netns_path: str) -> None:
        """The cache was lost, or the sandbox has never had a network: DEL of what may be there is safe by the
        specification."""
        network = self._network.current
        if network is None:
            logger.warning("sandbox has no record of its network, and none is configured sandbox=%s", pod.sandbox_id)
            return
        attachment = replace(self._attachment_for_del(pod, network), netns=netns_path)
        await self._end_orphans(pod.sandbox_id)
        await self._delete(network, attachment, await self._seen(network, attachment, pod))

    async def _end_orphans(self, sandbox_id: str) -> None:
        killed = await orphans.end(sandbox_id)
        if killed:
            logger.warning("plugins of an earlier process were killed sandbox=%s count=%d", sandbox_id, killed)

    async def _seen(
        self, network: NetworkConf, attachment: Attachment, pod: PodNetwork | None
    ) -> Mapping[str, Any]:
        """What the namespace shows, as a result, or what else is known: plugins such as `firewall` can only take down
        what they are told."""
        found: tuple[str, ...] = ()
        if attachment.netns:
            with contextlib.suppress(NamespaceError):
                found = await netns.interface_addresses(attachment.netns, attachment.ifname)
        if not found and pod is not None:
            found = tuple(str(ipaddress.ip_interface(ip)) for ip in pod.ips)
        return to_raw_result(network.cni_version, attachment.ifname, attachment.netns or "gone", found)

    async def _delete(self, network: NetworkConf, attachment: Attachment, result: Mapping[str, Any]) -> None:
        addresses = () if attachment.netns else addresses_with_prefix(result)
        if addresses and any(plugin.type in _LOOKS_AT_THE_LINK for plugin in network.plugins):
            async with netns.stand_in(attachment.ifname, addresses) as path:
                try:
                    await self._chain.delete(network, replace(attachment, netns=path), result)
                except PluginError as error:
                    if error.plugin not in _LOOKS_AT_THE_LINK or isinstance(error, PluginDeadlineError):
                        raise
                    # An earlier DEL took the rules down before another plugin failed: bridge finds them gone.
                    logger.warning("rules were not taken down by their addresses sandbox=%s error=%s",
                                   attachment.container_id, error)
                    await self._chain.delete(network, attachment, result or None)
        else:
            await self._chain.delete(network, attachment, result or None)
        await self._flush_udp(_port_mappings(attachment.capability_args))

    def _checked_result(self, network: NetworkConf, attachment: Attachment, raw: Mapping[str, Any]) -> NetworkResult:
        last = network.plugins[-1].type
        try:
            result = to_network_result(raw)
        except (ValueError, AttributeError, TypeError) as error:
            raise PluginError(last, "ADD", attachment.container_id, f"result cannot be read: {error}") from error
        if not result.ips:
            raise PluginError(last, "ADD", attachment.container_id, "result has no address for the pod")
        return result

    async def _roll_back(self, record: CachedAttachment, cause: BaseException) -> None:
        """DEL for all plugins, also those that were not reached. What cannot be undone now stays recorded for later,
        also when a second cancellation ends this."""
        sandbox_id = record.attachment.container_id
        attachment = replace(record.attachment, netns=self._pins.path(sandbox_id, ""))
        try:
            await self._delete(self._network_of(record), attachment, record.result)
        except NetworkError as error:
            cause.add_note(f"taking it down again failed too: {error}")
            logger.warning("half-made pod network stays sandbox=%s error=%s", sandbox_id, error)
            await finish_in_thread(self._cache.save, record)
        else:
            await asyncio.to_thread(self._cache.forget, record)
            self._forget(sandbox_id)

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
        self._begun.discard(sandbox_id)
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
