"""API paths of what the agent reads and writes. A path is everything after the server's address."""

from urllib.parse import quote

NODES = "/api/v1/nodes"
PODS = "/api/v1/pods"
SERVICES = "/api/v1/services"
RUNTIME_CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"
CSI_NODES = "/apis/storage.k8s.io/v1/csinodes"
CSI_DRIVERS = "/apis/storage.k8s.io/v1/csidrivers"
CERTIFICATE_SIGNING_REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105  # a path
SUBJECT_ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
LEASE_NAMESPACE = "kube-node-lease"


def namespaced(resource: str, namespace: str, name: str = "", subresource: str = "", *, group: str = "api/v1") -> str:
    """`/api/v1/namespaces/<namespace>/<resource>[/<name>[/<subresource>]]`; `group` is `api/v1` or
    `apis/<group>/<version>`."""
    path = f"/{group}/namespaces/{quote(namespace, safe='')}/{resource}"
    return _with_name(path, name, subresource)


def _with_name(path: str, name: str, subresource: str) -> str:
    if name:
        path += f"/{quote(name, safe='')}"
    return f"{path}/{subresource}" if subresource else path


def pod(namespace: str, name: str = "", subresource: str = "") -> str:
    return namespaced("pods", namespace, name, subresource)


def node(name: str, subresource: str = "") -> str:
    return _with_name(NODES, name, subresource)


def config_map(namespace: str, name: str = "") -> str:
    return namespaced("configmaps", namespace, name)


def secret(namespace: str, name: str = "") -> str:
    return namespaced("secrets", namespace, name)


def event(namespace: str, name: str = "") -> str:
    return namespaced("events", namespace, name)


def service_account(namespace: str, name: str) -> str:
    return namespaced("serviceaccounts", namespace, name)


def service_account_token(namespace: str, name: str) -> str:
    """Where a TokenRequest is created."""
    return namespaced("serviceaccounts", namespace, name, "token")


def lease(name: str = "", namespace: str = LEASE_NAMESPACE) -> str:
    return namespaced("leases", namespace, name, group="apis/coordination.k8s.io/v1")


def persistent_volume(name: str) -> str:
    return _with_name("/api/v1/persistentvolumes", name, "")


def persistent_volume_claim(namespace: str, name: str) -> str:
    return namespaced("persistentvolumeclaims", namespace, name)
