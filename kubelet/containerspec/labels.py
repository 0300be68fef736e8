"""Labels and annotations by which a kubelet, this one or the upstream one, knows its containers again.

Names and encodings as in pkg/kubelet/kuberuntime/labels.go; pleg/state.py reads them back.
"""

import msgspec

from kubelet.api.meta import AnyContainer
from kubelet.api.types import Pod
from kubelet.fnv import fnv1a_32
from pleg import state


def container_hash(container: AnyContainer) -> str:
    """Hex FNV-1a of name and image, in exactly the form that upstream feeds to its hash (DeepHashObject over JSON
    bytes), so that a change of the agent restarts nothing."""
    plain = msgspec.json.encode({"image": container.image, "name": container.name})
    for char, escape in ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026")):  # as Go's JSON writes them
        plain = plain.replace(char, escape)
    hashed = fnv1a_32(f"([]uint8)[{' '.join(map(str, plain))}]".encode())
    return f"{hashed:x}"


def _identity(pod: Pod) -> dict[str, str]:
    meta = pod.metadata
    return {state.POD_NAME_LABEL: meta.name, state.POD_NAMESPACE_LABEL: meta.namespace, state.POD_UID_LABEL: meta.uid}


def sandbox_labels(pod: Pod) -> dict[str, str]:
    return {**pod.metadata.labels, **_identity(pod)}


def container_labels(pod: Pod, container: AnyContainer) -> dict[str, str]:
    return {**_identity(pod), state.CONTAINER_NAME_LABEL: container.name}


def container_annotations(pod: Pod, container: AnyContainer, restart_count: int) -> dict[str, str]:
    meta, grace = pod.metadata, pod.spec.termination_grace_period_seconds
    annotations = {
        state.HASH_ANNOTATION: container_hash(container),
        state.RESTART_COUNT_ANNOTATION: str(restart_count),
        state.TERMINATION_MESSAGE_PATH_ANNOTATION: container.termination_message_path,
        state.TERMINATION_MESSAGE_POLICY_ANNOTATION: container.termination_message_policy,
    }
    if meta.deletion_grace_period_seconds is not None:
        annotations[state.POD_DELETION_GRACE_ANNOTATION] = str(meta.deletion_grace_period_seconds)
    if grace is not None:
        annotations[state.POD_TERMINATION_GRACE_ANNOTATION] = str(grace)
    if container.lifecycle is not None and container.lifecycle.pre_stop is not None:
        annotations[state.PRE_STOP_HANDLER_ANNOTATION] = msgspec.json.encode(container.lifecycle.pre_stop).decode()
    if container.ports:
        annotations[state.PORTS_ANNOTATION] = msgspec.json.encode(container.ports).decode()
    return annotations
