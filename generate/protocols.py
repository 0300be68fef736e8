"""Generates the stubs of the protocols that are spoken here: cri/v1 from k8s.io/cri-api, device plugins and the
podresources API from k8s.io/kubelet.

Usage: python -m generate.protocols [OUTPUT_ROOT]
"""

import sys
from pathlib import Path

from generate import stubs
from generate.gomodule import STAGING_VERSION

PROTOCOLS = (
    stubs.Protocol("k8s.io/cri-api", STAGING_VERSION, "pkg/apis/runtime/v1/api.proto", "cri/v1"),
    stubs.Protocol(
        "k8s.io/kubelet", STAGING_VERSION, "pkg/apis/deviceplugin/v1beta1/api.proto", "kubelet/devices/v1beta1"
    ),
    stubs.Protocol("k8s.io/kubelet", STAGING_VERSION, "pkg/apis/podresources/v1/api.proto", "kubelet/podresources/v1"),
    stubs.Protocol(
        "k8s.io/kubelet", STAGING_VERSION, "pkg/apis/podresources/v1alpha1/api.proto", "kubelet/podresources/v1alpha1"
    ),
)


def generate(root: Path) -> None:
    """Write every protocol's files below `root`."""
    for protocol in PROTOCOLS:
        stubs.generate(protocol, root)


if __name__ == "__main__":
    generate(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
