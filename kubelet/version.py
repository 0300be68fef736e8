"""Versions: ours, and the Kubernetes release whose behaviour the kubelet reproduces and reports."""

PODWRIGHT_VERSION = "0.1.0"
KUBERNETES_VERSION = "v1.36.3"
"""What `kubelet --version`, the Node's `nodeInfo.kubeletVersion` and user agents say."""
