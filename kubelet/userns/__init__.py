"""User namespaces for pods with `hostUsers: false`: which ids of the host each of them gets.

    getsubids kubelet ─▶ the kubelet's ids ─▶ one block per pod ─▶ pods/<uid>/userns ─▶ CRI's UserNamespace

Source: pkg/kubelet/userns, pkg/kubelet/kubelet_pods.go getKubeletMappings.
"""

from kubelet.userns.allocator import UserNamespaces, UserNamespacesError
from kubelet.userns.subids import IdRange, SubidsError, kubelet_ids

__all__ = ["IdRange", "SubidsError", "UserNamespaces", "UserNamespacesError", "kubelet_ids"]
