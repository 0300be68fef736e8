"""Which directories and links that pods left behind may go: pure, from facts that nodegc.disk has read.

    /var/log/pods/<ns>_<name>_<uid>            goes with its pod
    /var/log/containers/<…>-<container id>.log goes when it leads nowhere and its container has ended
    <root>/pods/<uid>                          goes when nothing is mounted in it and no volume holds a file

A pod directory with data or a mount in it is never removed by this room, however orphaned: that is the volume manager's
business, or a person's (kubernetes#60987 and #134075: people lost data by rm -rf). It is told once, with the path and
the remedy.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from nodegc.containers import PodFates
from nodegc.plan import Decision, Kind, Plan

MIN_CONTAINER_ID_LENGTH = 6


@dataclass(frozen=True, slots=True)
class PodDirectory:
    """`mounts`: mount points at or below the directory; `files`: files found where volumes are, a few of them."""

    path: str
    uid: str
    mounts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogLink:
    """`container_ended` is None when the runtime could not be asked."""

    path: str
    leads_somewhere: bool
    container_ended: bool | None = None


def pod_uid_of_log_directory(name: str) -> str | None:
    """The UID in <namespace>_<name>_<uid>; None for a directory that no kubelet made."""
    parts = name.split("_")
    return parts[2] if len(parts) == 3 and all(parts) else None


def container_id_of_link(name: str) -> str | None:
    """The container id in <pod>_<namespace>_<container>-<id>.log (a cut one may be short, but not arbitrarily)."""
    stem, dot, suffix = name.rpartition(".")
    container_id = stem.rpartition("-")[2]
    if not dot or suffix != "log" or "-" not in stem or len(container_id) < MIN_CONTAINER_ID_LENGTH:
        return None
    return container_id


def plan_log_directories(paths: Iterable[str], fates: PodFates) -> Plan:
    decisions: list[Decision] = []
    for path in paths:
        name = path.rpartition("/")[2]
        uid = pod_uid_of_log_directory(name)
        if uid is None:
            remove, reason = False, "not the log directory of a pod"
        elif not fates.all_sources_seen:
            remove, reason = False, "not all sources of pods have been seen yet"
        elif fates.content_removable(uid):
            remove, reason = True, "its pod is gone"
        else:
            remove, reason = False, "its pod exists"
        decisions.append(Decision(Kind.LOG_DIRECTORY, path, remove, reason, name))
    return tuple(decisions)


def plan_log_links(links: Iterable[LogLink]) -> Plan:
    decisions: list[Decision] = []
    for link in links:
        name = link.path.rpartition("/")[2]
        if link.leads_somewhere:
            remove, reason = False, "its log exists"
        elif container_id_of_link(name) is None:
            remove, reason = False, "not the log link of a container"
        elif link.container_ended is None:
            remove, reason = False, "the runtime does not say whether its container has ended"
        elif link.container_ended:
            remove, reason = True, "its container has ended and its log is gone"
        else:
            remove, reason = False, "its container runs: the log is being rotated"
        decisions.append(Decision(Kind.LOG_LINK, link.path, remove, reason, name))
    return tuple(decisions)


def plan_pod_directories(
    directories: Iterable[PodDirectory], known: Collection[str], busy: Collection[str], all_sources_seen: bool
) -> Plan:
    """`known`: pods that exist or may run; `busy`: pods whose volumes are still being taken down."""
    decisions: list[Decision] = []
    for directory in directories:
        uid = directory.uid
        if uid in known:
            remove, reason = False, "its pod exists"
        elif not all_sources_seen:
            remove, reason = False, "not all sources of pods have been seen yet"
        elif uid in busy:
            remove, reason = False, "its volumes are being unmounted"
        elif directory.mounts:
            remove = False
            reason = f"something is mounted at {directory.mounts[0]}; unmount it, then it goes by itself"
        elif directory.files:
            remove = False
            reason = f"a volume holds files, such as {directory.files[0]}; save or delete them, then it goes by itself"
        else:
            remove, reason = True, "its pod is gone and nothing is mounted or kept in it"
        decisions.append(Decision(Kind.POD_DIRECTORY, directory.path, remove, reason, uid))
    return tuple(decisions)
