"""What a cluster needs so that a node can come with nothing but a token, as kubeadm has it.

A kubelet that starts with the kubeconfig of `bootstrap_kubeconfig` asks for its client certificate as a member of
`system:bootstrappers`; kube-controller-manager approves and signs. Serving certificates wait for an administrator.
"""

import base64
import json

from conformance.apiclient import ApiClient, ApiError, Json

TOKEN_ID, TOKEN_SECRET = "abcdef", "0123456789abcdef"
GROUP = "system:bootstrappers:kubeadm:default-node-token"
_ROLES = "system:certificates.k8s.io:certificatesigningrequests"


def objects() -> dict[str, Json]:
    """Path to object."""
    bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    secret = {
        "apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
        "metadata": {"name": f"bootstrap-token-{TOKEN_ID}", "namespace": "kube-system"},
        "stringData": {"token-id": TOKEN_ID, "token-secret": TOKEN_SECRET, "usage-bootstrap-authentication": "true",
                       "auth-extra-groups": GROUP},
    }  # fmt: skip
    return {
        "/api/v1/namespaces/kube-system/secrets": secret,
        f"{bindings}?1": _binding("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", GROUP),
        f"{bindings}?2": _binding("kubeadm:node-autoapprove-bootstrap", f"{_ROLES}:nodeclient", GROUP),
        f"{bindings}?3": _binding(
            "kubeadm:node-autoapprove-certificate-rotation", f"{_ROLES}:selfnodeclient", "system:nodes"),
    }  # fmt: skip


def _binding(name: str, role: str, group: str) -> Json:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
    }  # fmt: skip


async def allow(client: ApiClient) -> None:
    """Create them; what is there stays."""
    for path, body in objects().items():
        try:
            await client.create(path.partition("?")[0], body)
        except ApiError as error:
            if error.code != 409:
                raise


def bootstrap_kubeconfig(server: str, ca_pem: bytes) -> str:
    """What `kubeadm join` writes to /etc/kubernetes/bootstrap-kubelet.conf."""
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(ca_pem).decode()}
    context = {"cluster": "kubernetes", "user": "tls-bootstrap-token-user"}
    name = "tls-bootstrap-token-user@kubernetes"
    return json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": name,
        "clusters": [{"name": "kubernetes", "cluster": cluster}],
        "contexts": [{"name": name, "context": context}],
        "users": [{"name": "tls-bootstrap-token-user", "user": {"token": f"{TOKEN_ID}.{TOKEN_SECRET}"}}],
    }, indent=2)  # fmt: skip
