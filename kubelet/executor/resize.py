"""Giving running containers another size, in an order in which no limit is ever below what it bounds.

    memory, then cpu:   the pod's cgroup, if it grows ▸ containers, shrinking ones first ▸ the pod's, if it shrinks

A memory limit is not lowered below what is used: the kernel would kill. Each container that the runtime has resized is
recorded at once, so that what failed half-way goes on from there. Source: kuberuntime_manager.go doPodResizeAction.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

import msgspec

from cri.client import RuntimeClient
from cri.errors import CriError, UnimplementedError
from cri.v1 import api_pb2 as cri
from kubelet.actions import PodActions
from kubelet.allocation.resources import PodResources, with_resources
from kubelet.allocation.store import ResourceStore
from kubelet.api.meta import AnyContainer, find_container, formatted, pod_uid
from kubelet.api.types import Pod, ResourceRequirements
from kubelet.cgroups import CgroupError
from kubelet.cgroups.values import CgroupValues
from kubelet.resize import CPU, MEMORY, ContainerResize, Sizes
from pleg.state import PodRuntimeStatus

logger = logging.getLogger(__name__)


class ResizeError(Exception):
    """The pod is not, or only in part, of its new size; the text says why."""


class PodCgroups(Protocol):
    def values(self, pod: Pod) -> CgroupValues: ...

    async def apply(self, pod: Pod, values: CgroupValues) -> None:
        """Write these values and no others into the pod's cgroup. Raises CgroupError."""


class ContainerSizes(Protocol):
    def resources(self, pod: Pod, container: AnyContainer) -> cri.LinuxContainerResources: ...

    def pod_resources(self, pod: Pod) -> tuple[cri.LinuxContainerResources, cri.LinuxContainerResources]: ...


class Resizer:
    """`actuated` is written here and by those who create containers."""

    def __init__(
        self, runtime: RuntimeClient, cgroups: PodCgroups, sizes: ContainerSizes, actuated: ResourceStore,
        save_allocations: Callable[[], Awaitable[None]],
    ) -> None:
        """`save_allocations`: what is allocated is on disk before anything is changed."""
        self._runtime, self._cgroups, self._sizes, self._actuated = runtime, cgroups, sizes, actuated
        self._save_allocations = save_allocations

    async def resize(self, pod: Pod, runtime: PodRuntimeStatus, actions: PodActions) -> None:
        """Bring the pod's cgroup and the containers of the plan to their new sizes. Raises ResizeError."""
        before = with_resources(pod, self._actuated.get(pod_uid(pod)) or PodResources(pod_level=pod.spec.resources))
        old, new = self._cgroups.values(before), self._cgroups.values(pod)
        await self._save_allocations()
        try:
            await self._check_memory(runtime, actions, old, new)
            await self._tell_sandbox(pod, actions)
            for resource in (MEMORY, CPU):
                resizes = [resize for resize in actions.to_resize if resize.changes(resource) and not resize.restart]
                if resizes or actions.resize_pod:
                    await self._resize_one(pod, resource, resizes, old, new)
        except (CriError, CgroupError) as error:
            raise ResizeError(str(error)) from None
        if actions.resize_pod and pod.spec.resources is not None:
            self._actuated.set_pod_level(pod_uid(pod), pod.spec.resources)
        await self._actuated.save()
        logger.info("Pod is resized pod=%s containers=%s", formatted(pod), [one.name for one in actions.to_resize])

    async def _resize_one(
        self, pod: Pod, resource: str, resizes: Sequence[ContainerResize], old: CgroupValues, new: CgroupValues
    ) -> None:
        first, last = split_by_direction(resource, old, new)
        if first != CgroupValues():
            await self._cgroups.apply(pod, first)
        for resize in sorted(resizes, key=lambda one: one.grows(resource)):
            await self._resize_container(pod, resource, resize)
        if last != CgroupValues():
            await self._cgroups.apply(pod, last)

    async def _resize_container(self, pod: Pod, resource: str, resize: ContainerResize) -> None:
        """One resource of one container; the other one stays as the runtime has it."""
        found = find_container(pod, resize.name)
        if found is None:
            return
        known = self._actuated.get(pod_uid(pod)) or PodResources()
        sizes = _mixed(resize, resource, known.containers.get(resize.name))
        container = msgspec.structs.replace(found[1], resources=sizes)
        await self._runtime.UpdateContainerResources(cri.UpdateContainerResourcesRequest(
            container_id=resize.id, linux=self._sizes.resources(pod, container)
        ))
        self._actuated.set_container(pod_uid(pod), resize.name, sizes)

    async def _tell_sandbox(self, pod: Pod, actions: PodActions) -> None:
        """For runtimes whose sandboxes have a size of their own; those that have none need not know."""
        if actions.sandbox_id is None:
            return
        resources, overhead = self._sizes.pod_resources(pod)
        try:
            await self._runtime.UpdatePodSandboxResources(cri.UpdatePodSandboxResourcesRequest(
                pod_sandbox_id=actions.sandbox_id, resources=resources, overhead=overhead
            ))
        except UnimplementedError:
            return
        except CriError as error:
            if "not implemented" not in error.message:  # containerd 2.2 says it so
                raise

    async def _check_memory(
        self, runtime: PodRuntimeStatus, actions: PodActions, old: CgroupValues, new: CgroupValues
    ) -> None:
        """Refuse limits below what is used now. Raises ResizeError, CriError."""
        shrinking = [resize for resize in actions.to_resize if _shrinks_memory(resize) and not resize.restart]
        pod_shrinks = new.memory is not None and new.memory > 0 and (not old.memory or new.memory < old.memory)
        if not shrinking and not pod_shrinks:
            return
        problems, total = [], 0
        killed = {kill.id for kill in actions.to_kill}
        for status in runtime.running_containers:
            if status.id in killed:
                continue
            used = await self._memory_used(status.id)
            total += used
            wanted = next((resize.wanted.memory_limit for resize in shrinking if resize.id == status.id), 0)
            if wanted and used >= wanted:
                problems.append(f'attempting to set container "{status.name}" memory limit ({wanted}) below current '
                                f"usage ({used})")
        if pod_shrinks and new.memory and total >= new.memory:
            problems.insert(0, f"attempting to set pod memory limit ({new.memory}) below current usage ({total})")
        if problems:
            text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
            raise ResizeError(f"cannot decrease memory limits: {text}")

    async def _memory_used(self, container_id: str) -> int:
        answer = await self._runtime.ContainerStats(cri.ContainerStatsRequest(container_id=container_id))
        return answer.stats.memory.usage_bytes.value or answer.stats.memory.working_set_bytes.value


def _shrinks_memory(resize: ContainerResize) -> bool:
    old, new = resize.current.memory_limit, resize.wanted.memory_limit
    return bool(new) and (not old or new < old)


def _mixed(resize: ContainerResize, resource: str, known: ResourceRequirements | None) -> ResourceRequirements:
    """The wanted size of one resource beside the current size of the other."""
    current = resize.current
    if known is not None and resource == CPU:
        # Memory may have been resized a moment ago, by this very plan.
        current = replace(current, memory_request=resize.wanted.memory_request, memory_limit=resize.wanted.memory_limit)
    sizes = (
        Sizes(resize.wanted.cpu_request, resize.wanted.cpu_limit, current.memory_request, current.memory_limit)
        if resource == CPU else
        Sizes(current.cpu_request, current.cpu_limit, resize.wanted.memory_request, resize.wanted.memory_limit)
    )
    return sizes.requirements()


def split_by_direction(resource: str, old: CgroupValues, new: CgroupValues) -> tuple[CgroupValues, CgroupValues]:
    """What of the pod's cgroup is written before its containers (what grows), and what after them (what shrinks).

    A limit that is new or gone is no limit to be kept: one that the pod no longer has stays as it is."""
    if resource == MEMORY:
        if not new.memory or new.memory == old.memory:
            return CgroupValues(), CgroupValues()
        made = CgroupValues(memory=new.memory)
        return (made, CgroupValues()) if old.memory and new.memory > old.memory else (CgroupValues(), made)
    quota = CgroupValues(quota=new.quota, period=new.period) if new.quota and new.quota != old.quota else CgroupValues()
    shares = CgroupValues(shares=new.shares) if new.shares and new.shares != old.shares else CgroupValues()
    before = after = CgroupValues()
    if quota != CgroupValues():
        grows = new.quota == -1 or (old.quota not in (None, -1) and (new.quota or 0) > (old.quota or 0))
        before, after = (quota, after) if grows else (before, quota)
    if shares != CgroupValues():
        if (new.shares or 0) > (old.shares or 0):
            before = replace(before, shares=new.shares)
        else:
            after = replace(after, shares=new.shares)
    return before, after
