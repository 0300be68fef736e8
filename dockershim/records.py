"""What is remembered of each container of the engine: pure functions from `docker inspect` to CRI's view of it.

A record is made anew from each inspect and never changed, so a list is an answer from memory and an event carries
statuses without another call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cri.logformat import parse_time
from cri.v1 import api_pb2 as cri
from dockershim import naming
from dockershim.network import PortMapping, ports_from_text

JSON = Mapping[str, Any]

_PROPAGATION = {
    "rshared": cri.PROPAGATION_BIDIRECTIONAL,
    "shared": cri.PROPAGATION_BIDIRECTIONAL,
    "rslave": cri.PROPAGATION_HOST_TO_CONTAINER,
    "slave": cri.PROPAGATION_HOST_TO_CONTAINER,
}


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image's id says for good; `reference` is a repo digest, else the id."""

    image_id: str
    tags: tuple[str, ...]
    reference: str


@dataclass(frozen=True, slots=True)
class ProcessUser:
    """Numeric ids of a container's first process."""

    uid: int
    gid: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SandboxRecord:
    """A pause container. `pid` is 0 when it does not run; times are nanoseconds since the epoch."""

    id: str
    metadata: cri.PodSandboxMetadata
    pid: int
    created_ns: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    runtime_handler: str
    namespaces: cri.NamespaceOption
    config_hash: str
    resolv_conf_path: str
    cgroup_parent: str
    port_mappings: tuple[PortMapping, ...] = ()

    @property
    def is_running(self) -> bool:
        return self.pid > 0

    @property
    def has_ended(self) -> bool:
        return not self.is_running

    @property
    def has_own_network(self) -> bool:
        return self.namespaces.network != cri.NODE

    @property
    def netns(self) -> str:
        return f"/proc/{self.pid}/ns/net" if self.pid else ""


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """An app container; `status` is what ContainerStatus answers, shared and never modified."""

    id: str
    sandbox_id: str
    pid: int
    status: cri.ContainerStatus
    config_hash: str
    tty: bool
    upper_dir: str
    """Host directory of the writable layer, empty where the engine's store does not tell."""
    extra_limits: str
    """`cgroup_files`' label, empty mostly."""
    paused: bool = False
    """By `docker pause`: it gets no signal before somebody lets it go on."""

    @property
    def is_running(self) -> bool:
        return self.status.state == cri.CONTAINER_RUNNING

    @property
    def has_ended(self) -> bool:
        return self.status.state == cri.CONTAINER_EXITED


def time_ns(text: str | None) -> int:
    """Nanoseconds since the epoch of the engine's time; 0 for its zero time (year 1)."""
    parsed = parse_time(text.encode()) if text else None
    return parsed if parsed is not None and parsed > 0 else 0


def is_sandbox(engine_labels: Mapping[str, str]) -> bool:
    return engine_labels.get(naming.TYPE_LABEL) == naming.TYPE_SANDBOX


def to_sandbox(inspect: JSON) -> SandboxRecord | None:
    """None when the container's name is not a sandbox's."""
    name = naming.parse_name(inspect["Name"])
    if name is None:
        return None
    host: JSON = inspect["HostConfig"]
    state: JSON = inspect["State"]
    engine_labels: Mapping[str, str] = inspect["Config"].get("Labels") or {}
    labels, annotations = naming.split_labels(engine_labels)
    return SandboxRecord(
        id=inspect["Id"],
        metadata=cri.PodSandboxMetadata(
            name=name.pod, namespace=name.namespace, uid=name.uid, attempt=name.attempt
        ),
        pid=int(state.get("Pid") or 0) if state.get("Running") else 0,
        created_ns=time_ns(inspect.get("Created")),
        labels=labels,
        annotations=annotations,
        runtime_handler=engine_labels.get(naming.RUNTIME_HANDLER_LABEL)
        or runtime_handler(host.get("Runtime") or ""),
        namespaces=cri.NamespaceOption(
            network=cri.NODE if host.get("NetworkMode") == "host" else cri.POD,
            pid=cri.NODE if host.get("PidMode") == "host" else cri.CONTAINER,
            ipc=cri.NODE if host.get("IpcMode") == "host" else cri.POD,
        ),
        config_hash=engine_labels.get(naming.CONFIG_HASH_LABEL, ""),
        resolv_conf_path=inspect.get("ResolvConfPath") or "",
        cgroup_parent=host.get("CgroupParent") or "",
        port_mappings=ports_from_text(engine_labels.get(naming.PORT_MAPPINGS_LABEL, "")),
    )


def runtime_handler(engine_runtime: str) -> str:
    """The engine's default runtime is CRI's empty handler."""
    return "" if engine_runtime in ("", "runc", "io.containerd.runc.v2", "io.containerd.runtime.v1.linux") else (
        engine_runtime
    )


def to_container(
    inspect: JSON, image: ImageFacts | None, user: ProcessUser | None, own_files: str = "", upper_dir: str = ""
) -> ContainerRecord | None:
    """None when the container's name is not Kubernetes'. Mounts from the directory `own_files` are not shown; `user`
    and `upper_dir` are what `process_facts` found.
    """
    name = naming.parse_name(inspect["Name"])
    if name is None:
        return None
    config: JSON = inspect["Config"]
    engine_labels: Mapping[str, str] = config.get("Labels") or {}
    labels, annotations = naming.split_labels(engine_labels)
    image_id = inspect.get("Image") or ""
    status = cri.ContainerStatus(
        id=inspect["Id"],
        metadata=cri.ContainerMetadata(name=name.container, attempt=name.attempt),
        created_at=time_ns(inspect.get("Created")),
        image=cri.ImageSpec(image=image_name(config.get("Image") or "", engine_labels, image)),
        image_ref=image.reference if image else image_id,
        image_id=image_id,
        labels=labels,
        annotations=annotations,
        mounts=to_mounts(inspect, own_files),
        log_path=engine_labels.get(naming.LOG_PATH_LABEL, ""),
        resources=cri.ContainerResources(linux=to_resources(inspect["HostConfig"])),
        stop_signal=to_signal(config.get("StopSignal") or ""),
    )
    if user is not None:
        status.user.linux.uid, status.user.linux.gid = user.uid, user.gid
        status.user.linux.supplemental_groups.extend(user.groups)
    _set_state(status, inspect["State"])
    return ContainerRecord(
        id=inspect["Id"],
        sandbox_id=engine_labels.get(naming.SANDBOX_ID_LABEL, ""),
        pid=int(inspect["State"].get("Pid") or 0) if inspect["State"].get("Running") else 0,
        status=status,
        config_hash=engine_labels.get(naming.CONFIG_HASH_LABEL, ""),
        tty=bool(config.get("Tty")),
        upper_dir=upper_dir,
        extra_limits=engine_labels.get(naming.CGROUP_FILES_LABEL, ""),
        paused=bool(inspect["State"].get("Paused")),
    )


def _set_state(status: cri.ContainerStatus, state: JSON) -> None:
    """The engine's state in CRI's terms.

    It ran and ended: it has a finish time. It failed to start: an exit code without a finish time; its times are then
    those of its creation, as clients expect an ended container to have both. Else it has not been started yet.
    """
    started, finished = time_ns(state.get("StartedAt")), time_ns(state.get("FinishedAt"))
    exit_code = int(state.get("ExitCode") or 0)
    if state.get("Running"):
        status.state, status.started_at = cri.CONTAINER_RUNNING, started
        return
    status.message = state.get("Error") or ""
    if finished:
        status.state, status.started_at, status.finished_at = cri.CONTAINER_EXITED, started, finished
        status.exit_code = exit_code
        status.reason = "OOMKilled" if state.get("OOMKilled") else "Error" if exit_code else "Completed"
        if not started:
            status.started_at, status.reason = status.created_at, "ContainerCannotRun"
    elif exit_code:
        status.state, status.exit_code, status.reason = cri.CONTAINER_EXITED, exit_code, "ContainerCannotRun"
        status.started_at = status.finished_at = status.created_at
    else:
        status.state = cri.CONTAINER_CREATED


_KILLED = 137


def may_have_lacked_memory(inspect: JSON) -> bool:
    """It was killed, has a limit, and the engine does not say (yet) that it went beyond it."""
    state: JSON = inspect["State"]
    is_killed = not state.get("Running") and int(state.get("ExitCode") or 0) == _KILLED
    return is_killed and not state.get("OOMKilled") and bool(inspect["HostConfig"].get("Memory"))


def image_name(created_with: str, engine_labels: Mapping[str, str], image: ImageFacts | None) -> str:
    """The name that users know: as they wrote it, else what it was created with, else the image's first tag."""
    written = engine_labels.get(naming.IMAGE_LABEL, "")
    candidates = [name for name in (written, created_with) if name and not is_image_id(name)]
    if candidates:
        return candidates[0]
    return image.tags[0] if image and image.tags else created_with


def is_image_id(name: str) -> bool:
    digest = name.removeprefix("sha256:")
    return len(digest) == 64 and all(character in "0123456789abcdef" for character in digest)


def to_mounts(inspect: JSON, own_files: str = "") -> list[cri.Mount]:
    asked_for = {mount.get("Target"): mount for mount in inspect["HostConfig"].get("Mounts") or ()}
    return [
        _to_mount(mount, asked_for.get(mount.get("Destination")) or {})
        for mount in _sorted_mounts(inspect.get("Mounts") or ())
        if not own_files or not str(mount.get("Source") or "").startswith(f"{own_files}/")
    ]


def _to_mount(mount: JSON, asked_for: JSON) -> cri.Mount:
    """`asked_for` is the create call's; the engine's own source of an image's mount is a directory that it made."""
    container_path = mount.get("Destination") or ""
    if mount.get("Type") == "image":
        image = asked_for.get("Source") or mount.get("Name") or ""
        return cri.Mount(
            container_path=container_path,
            readonly=True,
            image=cri.ImageSpec(image=image, image_ref=image if is_image_id(image) else ""),
            image_sub_path=(asked_for.get("ImageOptions") or {}).get("Subpath") or "",
        )
    return cri.Mount(
        container_path=container_path,
        host_path=mount.get("Source") or "",
        readonly=not mount.get("RW"),
        propagation=_PROPAGATION.get(mount.get("Propagation") or "", cri.PROPAGATION_PRIVATE),
        recursive_read_only=bool((asked_for.get("BindOptions") or {}).get("ReadOnlyForceRecursive")),
    )


def _sorted_mounts(mounts: Sequence[JSON]) -> list[JSON]:
    return sorted(mounts, key=lambda mount: str(mount.get("Destination") or ""))


def to_resources(host: JSON) -> cri.LinuxContainerResources:
    return cri.LinuxContainerResources(
        cpu_period=host.get("CpuPeriod") or 0,
        cpu_quota=host.get("CpuQuota") or 0,
        cpu_shares=host.get("CpuShares") or 0,
        memory_limit_in_bytes=host.get("Memory") or 0,
        memory_swap_limit_in_bytes=max(host.get("MemorySwap") or 0, 0),
        oom_score_adj=host.get("OomScoreAdj") or 0,
        cpuset_cpus=host.get("CpusetCpus") or "",
        cpuset_mems=host.get("CpusetMems") or "",
    )


def to_signal(engine_signal: str) -> cri.Signal.ValueType:
    """CRI's name of `SIGTERM`, `TERM` or `15`; the engine's default when there is none."""
    if not engine_signal:
        return cri.SIGTERM
    if engine_signal.isdigit():
        import signal

        try:
            engine_signal = signal.Signals(int(engine_signal)).name
        except ValueError:
            return cri.RUNTIME_DEFAULT
    name = engine_signal.upper() if engine_signal.upper().startswith("SIG") else f"SIG{engine_signal.upper()}"
    name = name.replace("+", "PLUS").replace("-", "MINUS")
    return cri.Signal.Value(name) if name in cri.Signal.keys() else cri.RUNTIME_DEFAULT  # noqa: SIM118 - an enum wrapper
