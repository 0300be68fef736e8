"""Names and labels of the engine's containers, exactly as the former dockershim and cri-dockerd give them.

A pod that one of those started is listed, stopped and removed by us and the other way round: nothing here may change.
The engine has labels only: CRI annotations are kept as labels with a prefix. Source: cri-dockerd core/naming.go,
core/helpers.go, config/constants.go.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cri.v1 import api_pb2 as cri

TYPE_LABEL = "io.kubernetes.docker.type"
TYPE_SANDBOX, TYPE_CONTAINER = "podsandbox", "container"
SANDBOX_ID_LABEL = "io.kubernetes.sandbox.id"
LOG_PATH_LABEL = "io.kubernetes.container.logpath"
CONTAINER_NAME_LABEL = "io.kubernetes.container.name"
CONFIG_HASH_LABEL = "io.podwright.config-hash"
"""Ours: tells a retry of the same create from another create with the same name."""
IMAGE_LABEL = "io.podwright.image"
"""Ours: the image's name as the user wrote it; the engine only keeps what it was created with, often an id."""
CGROUP_FILES_LABEL = "io.podwright.cgroup-files"
"""Ours: limits that `cgroup_files` sets at start."""
RUNTIME_HANDLER_LABEL = "io.podwright.runtime-handler"
"""Ours: the handler as it was asked for; the engine shows its default runtime by name too."""
PORT_MAPPINGS_LABEL = "io.podwright.port-mappings"
"""Ours: a sandbox's host ports, which have to be known to be taken away, also when the network's own record is lost."""

_PREFIX, _SANDBOX_NAME, _DELIMITER = "k8s", "POD", "_"
_ANNOTATION_PREFIX = "annotation."
_INTERNAL = frozenset(
    (TYPE_LABEL, SANDBOX_ID_LABEL, LOG_PATH_LABEL, CONFIG_HASH_LABEL, IMAGE_LABEL, CGROUP_FILES_LABEL,
     RUNTIME_HANDLER_LABEL, PORT_MAPPINGS_LABEL)
)


@dataclass(frozen=True, slots=True)
class EngineName:
    """What `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>` says; `container` is `POD` for a sandbox."""

    container: str
    pod: str
    namespace: str
    uid: str
    attempt: int


def sandbox_name(metadata: cri.PodSandboxMetadata) -> str:
    return _join(_SANDBOX_NAME, metadata, metadata.attempt)


def container_name(pod: cri.PodSandboxMetadata, container: cri.ContainerMetadata) -> str:
    return _join(container.name, pod, container.attempt)


def _join(container: str, pod: cri.PodSandboxMetadata, attempt: int) -> str:
    return _DELIMITER.join((_PREFIX, container, pod.name, pod.namespace, pod.uid, str(attempt)))


def parse_name(name: str) -> EngineName | None:
    """None for a container that is not Kubernetes'. A seventh part, random, was added by others on name conflicts."""
    parts = name.removeprefix("/").split(_DELIMITER)
    if len(parts) not in (6, 7) or parts[0] != _PREFIX or not parts[5].isdigit():
        return None
    return EngineName(parts[1], parts[2], parts[3], parts[4], int(parts[5]))


def sandbox_labels(
    config: cri.PodSandboxConfig, config_hash: str, handler: str = "", port_mappings: str = ""
) -> dict[str, str]:
    return {
        **_merge(config.labels, config.annotations),
        TYPE_LABEL: TYPE_SANDBOX,
        CONTAINER_NAME_LABEL: _SANDBOX_NAME,
        CONFIG_HASH_LABEL: config_hash,
        **({RUNTIME_HANDLER_LABEL: handler} if handler else {}),
        **({PORT_MAPPINGS_LABEL: port_mappings} if port_mappings else {}),
    }


def container_labels(
    config: cri.ContainerConfig, sandbox_id: str, log_path: str, config_hash: str
) -> dict[str, str]:
    """`log_path` is absolute."""
    return {
        **_merge(config.labels, config.annotations),
        TYPE_LABEL: TYPE_CONTAINER,
        SANDBOX_ID_LABEL: sandbox_id,
        LOG_PATH_LABEL: log_path,
        CONFIG_HASH_LABEL: config_hash,
        IMAGE_LABEL: config.image.user_specified_image or config.image.image,
    }


def _merge(labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, str]:
    return {**labels, **{_ANNOTATION_PREFIX + key: value for key, value in annotations.items()}}


def split_labels(engine_labels: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """CRI's labels and annotations from the engine's labels; what is internal is left out."""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    is_sandbox = engine_labels.get(TYPE_LABEL) == TYPE_SANDBOX
    for key, value in engine_labels.items():
        if key in _INTERNAL or (is_sandbox and key == CONTAINER_NAME_LABEL):
            continue
        if key.startswith(_ANNOTATION_PREFIX):
            annotations[key.removeprefix(_ANNOTATION_PREFIX)] = value
        else:
            labels[key] = value
    return labels, annotations


def config_hash(config: cri.PodSandboxConfig | cri.ContainerConfig, handler: str = "") -> str:
    """The same for the same create request, across restarts of ours."""
    content = config.SerializeToString(deterministic=True) + handler.encode()
    return hashlib.sha256(content).hexdigest()[:16]
