"""Containers in lists. Pure."""

from cri.v1 import api_pb2 as cri
from dockershim.records import ContainerRecord


def to_item(record: ContainerRecord) -> cri.Container:
    status = record.status
    return cri.Container(
        id=record.id,
        pod_sandbox_id=record.sandbox_id,
        metadata=status.metadata,
        image=status.image,
        image_ref=status.image_ref,
        image_id=status.image_id,
        state=status.state,
        created_at=status.created_at,
        labels=status.labels,
        annotations=status.annotations,
    )


def matches(record: ContainerRecord, wanted: cri.ContainerFilter) -> bool:
    """`id` and `pod_sandbox_id` may be prefixes, as crictl gives them."""
    if wanted.id and not record.id.startswith(wanted.id):
        return False
    if wanted.pod_sandbox_id and not record.sandbox_id.startswith(wanted.pod_sandbox_id):
        return False
    if wanted.HasField("state") and record.status.state != wanted.state.state:
        return False
    labels = record.status.labels
    return all(labels.get(key) == value for key, value in wanted.label_selector.items())
