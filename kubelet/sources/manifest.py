"""A manifest's bytes to static pods: read, decoded, defaulted, checked, and given this node's identity.

Pure. Every way in which a manifest can be wrong ends in one ManifestError with the path to the field and what to do.
Source: pkg/kubelet/config/common.go.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelet.api import yamljson
from kubelet.api.codec import InvalidObjectError, convert
from kubelet.api.defaults import with_defaults
from kubelet.api.fields import pinpoint, unknown_fields
from kubelet.api.meta import CONFIG_HASH
from kubelet.api.references import api_references
from kubelet.api.types import Pod, PodStatus, Toleration
from kubelet.api.validation import problems

MAX_BYTES = 10 * 1024 * 1024

_encode = msgspec.json.Encoder(order="sorted").encode
_IGNORED = ("status", "metadata.managedFields")


class ManifestError(Exception):
    """Why a manifest makes no pod: `path` is the field (or line), `problem` says what to do."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path, self.problem = path, problem


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a manifest was found, which is part of its pod's identity."""

    location: str
    """The file's path or the URL."""
    is_file: bool
    node_name: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A pod, and remarks on its manifest that stop nothing."""

    pod: Pod
    remarks: tuple[str, ...] = ()


def read_document(data: bytes, where: str) -> dict[str, Any]:
    """The mapping in `data`. Raises ManifestError."""
    if len(data) > MAX_BYTES:
        raise ManifestError("", f"is larger than {MAX_BYTES >> 20} MiB; a manifest holds one pod")
    try:
        value = yamljson.load(data, where)
    except InvalidObjectError as error:
        raise ManifestError(error.path, error.problem) from None
    if value is None:
        raise ManifestError("", "is empty; write a Pod, or move the file away")
    if not isinstance(value, dict):
        raise ManifestError("", f"holds a {type(value).__name__}, not a Pod; write apiVersion, kind, metadata and spec")
    return value


def read_pod(data: bytes, origin: Origin) -> Manifest:
    """The one pod of a manifest file. Raises ManifestError."""
    manifest = decode_pod(read_document(data, origin.location), origin)
    count = yamljson.documents(data)
    if count > 1:
        remark = f"holds {count} documents, only the first is used; write one file for each pod"
        manifest = Manifest(manifest.pod, (*manifest.remarks, remark))
    return manifest


def decode_pod(value: Any, origin: Origin) -> Manifest:
    """The static pod that a plain mapping describes. Raises ManifestError."""
    _check_kind(value)
    try:
        written = convert(value, Pod, origin.location)
    except InvalidObjectError as error:
        path = pinpoint(value, error.path.removeprefix("$."), error.problem)
        raise ManifestError(path, _advice(error.problem)) from None
    remarks = tuple(
        f"{path}: unknown field, ignored" + (f"; did you mean {nearest}?" if nearest else "")
        for path, nearest in unknown_fields(value, Pod) if not path.startswith(_IGNORED))
    pod = as_static(with_defaults(written), written, origin)
    # The name is checked as written: what the node adds to it is not the author's to correct.
    named = replace(pod, metadata=replace(pod.metadata, name=written.metadata.name))
    found = problems(named) or problems(pod) or api_references(pod)
    if found:
        hint = _misspelt(found[0].path, remarks)
        raise ManifestError(found[0].path, found[0].text + hint)
    return Manifest(pod, remarks)


def _check_kind(value: Any) -> None:
    if not isinstance(value, dict):
        raise ManifestError("", f"is a {type(value).__name__}, not a Pod")
    for field, wanted in (("apiVersion", "v1"), ("kind", "Pod")):
        found = value.get(field)
        if not found:
            raise ManifestError(field, f"is missing; write {field}: {wanted}")
        if found != wanted:
            raise ManifestError(field, f"is {found!r}, but this node runs pods only; write {field}: {wanted}")


def _advice(problem: str) -> str:
    if problem.startswith("Object missing required field"):
        name = problem.partition("`")[2].rstrip("`")
        return f"lacks the field {name}; add it"
    if "got `int`" in problem or "got `bool`" in problem or "got `float`" in problem:
        return f"{problem}; put the value in quotes" if "Expected `str`" in problem else problem
    return problem


def _misspelt(path: str, remarks: tuple[str, ...]) -> str:
    """Names the misspelt field where it explains the missing one."""
    field = path.rpartition(".")[2]
    guess = next((remark for remark in remarks if remark.endswith(f"did you mean {field}?")), "")
    return f" (is {guess.partition(':')[0]} misspelt?)" if guess else ""


def as_static(pod: Pod, written: Pod, origin: Origin) -> Pod:
    """`pod` with what makes it this node's: name, UID, node, hash annotation, toleration, phase.

    The UID is a hash of what was written, not of what our defaults make of it: a newer agent with another default must
    not restart the pod."""
    meta = pod.metadata
    uid = meta.uid or static_uid(written, origin)
    spec = replace(pod.spec, node_name=origin.node_name)
    if origin.is_file:
        # Not to be evicted by taints of a node that it may be needed to repair.
        always = Toleration(operator="Exists", effect="NoExecute")
        spec = replace(spec, tolerations=(*(item for item in spec.tolerations if item != always), always))
    return replace(pod, api_version="v1", kind="Pod", spec=spec, status=PodStatus(phase="Pending"), metadata=replace(
        meta, uid=uid, name=f"{meta.name}-{origin.node_name.lower()}" if meta.name else "",
        namespace=meta.namespace or "default", annotations={**meta.annotations, CONFIG_HASH: uid}))


def static_uid(written: Pod, origin: Origin) -> str:
    """32 hex digits of the manifest's content and place; the order of its fields and its comments do not count."""
    digest = hashlib.md5(_encode(written), usedforsecurity=False)
    place = f"host:{origin.node_name}file:{origin.location}" if origin.is_file else f"url:{origin.location}"
    digest.update(place.encode())
    return digest.hexdigest()
