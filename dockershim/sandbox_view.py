"""Sandboxes as CRI shows them. Pure: a record and its checkpoint go in."""

from cri.v1 import api_pb2 as cri
from dockershim.checkpoints import SandboxCheckpoint
from dockershim.records import SandboxRecord


def state(record: SandboxRecord, checkpoint: SandboxCheckpoint | None) -> cri.PodSandboxState.ValueType:
    """READY when the pause runs and the network stands.

    Without a checkpoint a sandbox of ours is half-made; one of cri-dockerd's, which has no hash, is taken as it is.
    """
    complete = checkpoint.network_ready if checkpoint else not record.config_hash
    return cri.SANDBOX_READY if record.is_running and complete else cri.SANDBOX_NOTREADY


def to_item(record: SandboxRecord, checkpoint: SandboxCheckpoint | None) -> cri.PodSandbox:
    return cri.PodSandbox(
        id=record.id,
        metadata=record.metadata,
        state=state(record, checkpoint),
        created_at=record.created_ns,
        labels=record.labels,
        annotations=record.annotations,
        runtime_handler=record.runtime_handler,
    )


def to_status(record: SandboxRecord, checkpoint: SandboxCheckpoint | None) -> cri.PodSandboxStatus:
    """Addresses only while the sandbox is ready and has its own network; a host-network pod's are the node's."""
    status = cri.PodSandboxStatus(
        id=record.id,
        metadata=record.metadata,
        state=state(record, checkpoint),
        created_at=record.created_ns,
        network=cri.PodSandboxNetworkStatus(),
        linux=cri.LinuxPodSandboxStatus(namespaces=cri.Namespace(options=record.namespaces)),
        labels=record.labels,
        annotations=record.annotations,
        runtime_handler=record.runtime_handler,
    )
    if status.state == cri.SANDBOX_READY and record.has_own_network and checkpoint and checkpoint.ips:
        first, *more = checkpoint.ips
        status.network.ip = first
        status.network.additional_ips.extend(cri.PodIP(ip=ip) for ip in more)
    return status


def matches(item: cri.PodSandbox, wanted: cri.PodSandboxFilter) -> bool:
    if wanted.id and not item.id.startswith(wanted.id):
        return False
    if wanted.HasField("state") and item.state != wanted.state.state:
        return False
    return all(item.labels.get(key) == value for key, value in wanted.label_selector.items())
