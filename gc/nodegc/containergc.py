"""Collection of dead containers, empty sandboxes, log directories, log links and orphaned pod directories.

Each step looks, plans and carries out; one item that cannot be removed stops none of the others.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from cri.errors import CriError, NotFoundError
from cri.v1 import api_pb2 as cri
from nodegc import disk
from nodegc.containers import (
    Container,
    ContainerPolicy,
    PodFates,
    Sandbox,
    plan_after_death,
    plan_containers,
    plan_sandboxes,
)
from nodegc.directories import (
    LogLink,
    container_id_of_link,
    plan_log_directories,
    plan_log_links,
    plan_pod_directories,
)
from nodegc.plan import Decision, Plan, removals

logger = logging.getLogger(__name__)

POD_UID_LABEL = "io.kubernetes.pod.uid"
STOP_SECONDS = 30
"""Grace for a container in an unknown state, which may run."""


class CriRuntime(Protocol):
    """cri.client.RuntimeClient is one."""

    def ListPodSandbox(self, request: cri.ListPodSandboxRequest, /) -> Awaitable[cri.ListPodSandboxResponse]: ...
    def ListContainers(self, request: cri.ListContainersRequest, /) -> Awaitable[cri.ListContainersResponse]: ...
    def ContainerStatus(self, request: cri.ContainerStatusRequest, /) -> Awaitable[cri.ContainerStatusResponse]: ...
    def StopContainer(self, request: cri.StopContainerRequest, /) -> Awaitable[cri.StopContainerResponse]: ...
    def RemoveContainer(self, request: cri.RemoveContainerRequest, /) -> Awaitable[cri.RemoveContainerResponse]: ...
    def StopPodSandbox(self, request: cri.StopPodSandboxRequest, /) -> Awaitable[cri.StopPodSandboxResponse]: ...
    def RemovePodSandbox(self, request: cri.RemovePodSandboxRequest, /) -> Awaitable[cri.RemovePodSandboxResponse]: ...


class CollectionError(Exception):
    """A step could not even look; `str(error)` is the text of ContainerGCFailed."""


class ContainerCollector:
    def __init__(
        self, runtime: CriRuntime, *, pod_logs: Path, container_logs: Path, pods: Path,
        mount_points: disk.MountPoints, clock: Callable[[], float] = time.time,
    ) -> None:
        """`pods`: <root dir>/pods. `clock`: Unix seconds."""
        self._runtime, self._clock, self._mount_points = runtime, clock, mount_points
        self._pod_logs, self._container_logs, self._pods = pod_logs, container_logs, pods
        self._told: dict[str, str] = {}

    async def collect(
        self, policy: ContainerPolicy, fates: PodFates, *, also_ended_pods: bool = False
    ) -> list[Decision]:
        """One pass over containers, sandboxes and logs; returns what was removed. Raises CollectionError."""
        removed: list[Decision] = []
        problems: list[str] = []
        steps: tuple[Callable[[], Awaitable[list[Decision]]], ...] = (
            lambda: self._collect_containers(policy, fates, also_ended_pods),
            lambda: self._collect_sandboxes(fates, also_ended_pods),
            lambda: self._collect_log_directories(fates),
            self._collect_log_links,
        )
        for step in steps:
            try:
                removed += await step()
            except (CriError, OSError) as error:
                problems.append(str(error))
        if problems:
            raise CollectionError("; ".join(problems))
        return removed

    async def plan(self, policy: ContainerPolicy, fates: PodFates) -> Plan:
        """What a pass would do now. Raises CriError, OSError."""
        containers = await self._containers()
        of_containers = plan_containers(containers, policy, fates, self._clock())
        gone = {decision.subject for decision in removals(of_containers)}
        stays = [container for container in containers if container.id not in gone]
        return (
            *of_containers, *plan_sandboxes(await self._sandboxes(), stays, fates),
            *plan_log_directories(await self._log_directories(), fates), *plan_log_links(await self._log_links()),
        )

    # --- containers and sandboxes ---

    async def _containers(self, uid: str = "") -> list[Container]:
        selector = cri.ContainerFilter(label_selector={POD_UID_LABEL: uid}) if uid else None
        listed = await self._runtime.ListContainers(cri.ListContainersRequest(filter=selector))
        return [
            Container(
                one.id, one.metadata.name, one.labels[POD_UID_LABEL], one.pod_sandbox_id, one.created_at / 1e9,
                running=one.state == cri.CONTAINER_RUNNING, unknown=one.state == cri.CONTAINER_UNKNOWN,
                unstarted=one.state == cri.CONTAINER_CREATED,
            )
            for one in listed.containers if POD_UID_LABEL in one.labels
        ]

    async def _sandboxes(self) -> list[Sandbox]:
        listed = await self._runtime.ListPodSandbox(cri.ListPodSandboxRequest())
        return [
            Sandbox(
                one.id, one.metadata.uid, one.created_at / 1e9, one.state == cri.SANDBOX_READY,
                f"{one.metadata.namespace}/{one.metadata.name}",
            )
            for one in listed.items if one.metadata.uid
        ]

    async def _collect_containers(
        self, policy: ContainerPolicy, fates: PodFates, also_ended_pods: bool
    ) -> list[Decision]:
        containers = await self._containers()
        plan = plan_containers(containers, policy, fates, self._clock(), also_ended_pods=also_ended_pods)
        unknown = {container.id for container in containers if container.unknown}
        return [
            decision for decision in removals(plan)
            if await self.remove_container(decision, stop_first=decision.subject in unknown)
        ]

    async def _collect_sandboxes(self, fates: PodFates, also_ended_pods: bool) -> list[Decision]:
        # Listed anew, containers first: what is created meanwhile shows up as a sandbox that is ready.
        containers = await self._containers()
        plan = plan_sandboxes(await self._sandboxes(), containers, fates, also_ended_pods=also_ended_pods)
        return [decision for decision in removals(plan) if await self._remove_sandbox(decision)]

    async def collect_after_death(self, uid: str, died: str, keep: int, *, keep_none: bool = False) -> list[Decision]:
        """Right after container `died` of the pod ended: its predecessors beyond `keep`. Raises CriError."""
        plan = plan_after_death(await self._containers(uid), died, keep, keep_none=keep_none)
        return [decision for decision in removals(plan) if await self.remove_container(decision)]

    async def remove_container(self, decision: Decision, *, stop_first: bool = False) -> bool:
        """Remove a dead container with its logs and its log link; returns whether it is gone."""
        container_id = decision.subject
        try:
            if stop_first:
                await self._runtime.StopContainer(
                    cri.StopContainerRequest(container_id=container_id, timeout=STOP_SECONDS)
                )
            status = (await self._runtime.ContainerStatus(cri.ContainerStatusRequest(container_id=container_id))).status
            if status.state == cri.CONTAINER_RUNNING:
                logger.warning("a container that was to be removed runs container_id=%s", container_id)
                return False
            await asyncio.to_thread(self._remove_logs, container_id, status.log_path)
            await self._runtime.RemoveContainer(cri.RemoveContainerRequest(container_id=container_id))
        except NotFoundError:
            return True
        except (CriError, OSError) as error:
            logger.warning("container is not removed container_id=%s error=%s", container_id, error)
            return False
        logger.info(
            "container is removed container_id=%s name=%s reason=%s", container_id, decision.name, decision.reason
        )
        return True

    def _remove_logs(self, container_id: str, log_path: str) -> None:
        """The log is found by its path, the link by the container's id at the end of its name."""
        if log_path:
            disk.remove_container_logs(log_path)
        for link in disk.list_directory(self._container_logs):
            if link.is_symlink() and link.name.endswith(f"-{container_id}.log"):
                link.unlink(missing_ok=True)

    async def _remove_sandbox(self, decision: Decision) -> bool:
        try:
            await self._runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=decision.subject))
            await self._runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=decision.subject))
        except NotFoundError:
            return True
        except CriError as error:
            logger.warning("sandbox is not removed sandbox_id=%s error=%s", decision.subject, error)
            return False
        logger.info(
            "sandbox is removed sandbox_id=%s pod=%s reason=%s", decision.subject, decision.name, decision.reason
        )
        return True

    # --- logs ---

    async def _log_directories(self) -> list[str]:
        entries = await asyncio.to_thread(disk.list_directory, self._pod_logs)
        return [str(entry) for entry in entries]

    async def _collect_log_directories(self, fates: PodFates) -> list[Decision]:
        plan = plan_log_directories(await self._log_directories(), fates)
        return await self._carry_out(plan, disk.remove_log_directory)

    async def _log_links(self) -> list[LogLink]:
        entries = await asyncio.to_thread(disk.list_directory, self._container_logs)
        links: list[LogLink] = []
        for entry in entries:
            if entry.is_symlink() and entry.name.endswith(".log"):
                leads = await asyncio.to_thread(disk.leads_somewhere, entry)
                container_id = container_id_of_link(entry.name)
                ended = await self._has_ended(container_id) if container_id and not leads else None
                links.append(LogLink(str(entry), leads, ended))
        return links

    async def _has_ended(self, container_id: str) -> bool | None:
        try:
            answer = await self._runtime.ContainerStatus(cri.ContainerStatusRequest(container_id=container_id))
        except NotFoundError:
            return True
        except CriError:
            return None
        return answer.status.state == cri.CONTAINER_EXITED

    async def _collect_log_links(self) -> list[Decision]:
        return await self._carry_out(plan_log_links(await self._log_links()), lambda path: path.unlink(missing_ok=True))

    # --- pod directories ---

    async def plan_pod_directories(
        self, known: Collection[str], busy: Collection[str], all_sources_seen: bool
    ) -> Plan:
        """Raises OSError."""
        skip = frozenset(known)
        found = await asyncio.to_thread(disk.read_pod_directories, self._pods, skip, self._mount_points)
        return plan_pod_directories(found, skip, busy, all_sources_seen)

    async def collect_pod_directories(
        self, known: Collection[str], busy: Collection[str], all_sources_seen: bool
    ) -> tuple[list[Decision], int]:
        """Returns what was removed, and how many orphaned directories had to stay. Raises OSError."""
        plan = await self.plan_pod_directories(known, busy, all_sources_seen)
        stuck = [
            decision for decision in plan if all_sources_seen and not decision.remove
            and decision.name not in known and decision.name not in busy
        ]
        self._tell(stuck)
        removed = await self._carry_out(plan, lambda path: disk.remove_pod_directory(path, self._mount_points))
        return removed, len(stuck) + len(removals(plan)) - len(removed)

    def _tell(self, stuck: Sequence[Decision]) -> None:
        """Say once of each what keeps it, not on every pass (kubernetes#60987)."""
        for decision in stuck:
            if self._told.get(decision.subject) != decision.reason:
                logger.warning("orphaned pod directory stays path=%s reason=%s", decision.subject, decision.reason)
        self._told = {decision.subject: decision.reason for decision in stuck}

    async def _carry_out(self, plan: Plan, remove: Callable[[Path], None]) -> list[Decision]:
        removed: list[Decision] = []
        for decision in removals(plan):
            try:
                await asyncio.to_thread(remove, Path(decision.subject))
            except OSError as error:
                logger.warning("%s is not removed path=%s error=%s", decision.kind.value, decision.subject, error)
                continue
            logger.info("%s is removed path=%s reason=%s", decision.kind.value, decision.subject, decision.reason)
            removed.append(decision)
        return removed
