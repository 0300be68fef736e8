"""Pods that only the runtime remembers: rebuilt from labels and annotations, well enough to stop them properly.

What a kubelet wrote on its containers (grace period, preStop hook, ports) is read back, so a pod that was deleted
while the agent was away still gets its hook and its grace (kuberuntime restoreSpecsFromContainerLabels).
"""

from typing import TypeVar

import msgspec

from kubelet.api import codec
from kubelet.api.types import Container, ContainerPort, Lifecycle, LifecycleHandler, ObjectMeta, Pod, PodSpec
from pleg.state import (
    POD_DELETION_GRACE_ANNOTATION,
    POD_TERMINATION_GRACE_ANNOTATION,
    PORTS_ANNOTATION,
    PRE_STOP_HANDLER_ANNOTATION,
    ContainerStatus,
    PodRuntimeStatus,
)

T = TypeVar("T")


def pod_from_runtime(runtime: PodRuntimeStatus) -> Pod:
    """A Pod with identity, containers, grace and preStop hooks; everything else is unset."""
    newest: dict[str, ContainerStatus] = {}
    for status in reversed(runtime.containers):
        newest[status.name] = status
    annotations = next((status.annotations for status in runtime.containers if status.annotations), {})
    return Pod(
        api_version="v1", kind="Pod",
        metadata=ObjectMeta(
            name=runtime.name, namespace=runtime.namespace, uid=runtime.uid,
            deletion_grace_period_seconds=_number(annotations.get(POD_DELETION_GRACE_ANNOTATION)),
        ),
        spec=PodSpec(
            containers=tuple(_container(status) for status in newest.values()),
            termination_grace_period_seconds=_number(annotations.get(POD_TERMINATION_GRACE_ANNOTATION)),
        ),
    )


def _container(status: ContainerStatus) -> Container:
    hook = _read(status.annotations.get(PRE_STOP_HANDLER_ANNOTATION), LifecycleHandler)
    ports = _read(status.annotations.get(PORTS_ANNOTATION), tuple[ContainerPort, ...])
    return Container(
        name=status.name, image=status.image, ports=ports or (),
        lifecycle=Lifecycle(pre_stop=hook) if hook else None,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _read(text: str | None, cls: type[T]) -> T | None:
    """What an annotation holds; None when absent or unreadable: a broken annotation must not keep a pod alive."""
    if not text:
        return None
    try:
        return codec.decode(text.encode(), cls)
    except (codec.InvalidObjectError, msgspec.MsgspecError):
        return None
