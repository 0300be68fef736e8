"""What a static pod may not have: references to objects of the API server (gate PreventStaticPodAPIReferences).

A static pod must start on a node that has no API server yet. Pure. Source: pkg/api/pod/util.go.
"""

from collections.abc import Iterator

from kubelet.api.meta import containers_of
from kubelet.api.types import Pod, Volume
from kubelet.api.validation import Problem

_INSTEAD = "a pod from a file or URL runs without the API server; use a hostPath or downwardAPI volume, or plain values"

# Volume fields whose source needs the API server.
_VOLUMES = {
    "config_map": ("configMap", "configmaps"), "secret": ("secret", "secrets"), "csi": ("csi", "csidrivers"),
    "glusterfs": ("glusterfs", "endpoints"), "ephemeral": ("ephemeral", "persistentvolumeclaims"),
    "persistent_volume_claim": ("persistentVolumeClaim", "persistentvolumeclaims"),
    "azure_file": ("azureFile", "secrets"),
}
_PROJECTIONS = {
    "config_map": ("configMap", "configmaps"), "secret": ("secret", "secrets"),
    "service_account_token": ("serviceAccountToken", "serviceaccounts"),
    "cluster_trust_bundle": ("clusterTrustBundle", "clustertrustbundles"),
    "pod_certificate": ("podCertificate", "podcertificates"),
}
# Secrets that volume sources name besides their data: (field of Volume, wire name, field of the source, its wire name).
_SECRET_FIELDS = (
    ("cephfs", "cephfs", "secret_ref", "secretRef"), ("cinder", "cinder", "secret_ref", "secretRef"),
    ("flex_volume", "flexVolume", "secret_ref", "secretRef"), ("iscsi", "iscsi", "secret_ref", "secretRef"),
    ("rbd", "rbd", "secret_ref", "secretRef"), ("scale_io", "scaleIO", "secret_ref", "secretRef"),
    ("storageos", "storageos", "secret_ref", "secretRef"),
)


def api_references(pod: Pod) -> list[Problem]:
    """Each reference with its path."""
    return list(_references(pod))


def _forbidden(path: str, resource: str) -> Problem:
    return Problem(path, f"static pods may not reference {resource}: {_INSTEAD}")


def _references(pod: Pod) -> Iterator[Problem]:
    spec = pod.spec
    if spec.service_account_name or spec.service_account:
        yield _forbidden("spec.serviceAccountName", "serviceaccounts")
    if spec.image_pull_secrets:
        yield _forbidden("spec.imagePullSecrets", "secrets")
    if spec.resource_claims:
        yield _forbidden("spec.resourceClaims", "resourceclaims")
    for kind, container in containers_of(pod):
        path = f"spec.{kind.value}[{container.name}]"
        for index, variable in enumerate(container.env):
            source = variable.value_from
            if source is not None and source.secret_key_ref is not None:
                yield _forbidden(f"{path}.env[{index}].valueFrom.secretKeyRef", "secrets")
            if source is not None and source.config_map_key_ref is not None:
                yield _forbidden(f"{path}.env[{index}].valueFrom.configMapKeyRef", "configmaps")
        for index, origin in enumerate(container.env_from):
            if origin.secret_ref is not None:
                yield _forbidden(f"{path}.envFrom[{index}].secretRef", "secrets")
            if origin.config_map_ref is not None:
                yield _forbidden(f"{path}.envFrom[{index}].configMapRef", "configmaps")
    for index, volume in enumerate(spec.volumes):
        yield from _of_volume(f"spec.volumes[{index}]", volume)


def _of_volume(path: str, volume: Volume) -> Iterator[Problem]:
    for field, (wire, resource) in _VOLUMES.items():
        if getattr(volume, field) is not None:
            yield _forbidden(f"{path}.{wire}", resource)
    for field, wire, inner, inner_wire in _SECRET_FIELDS:
        source = getattr(volume, field)
        if source is not None and getattr(source, inner, None) is not None:
            yield _forbidden(f"{path}.{wire}.{inner_wire}", "secrets")
    for index, projection in enumerate(volume.projected.sources if volume.projected else ()):
        for field, (wire, resource) in _PROJECTIONS.items():
            if getattr(projection, field) is not None:
                yield _forbidden(f"{path}.projected.sources[{index}].{wire}", resource)
