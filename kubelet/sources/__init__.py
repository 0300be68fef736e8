"""Where this node's pods come from: the API server, a directory of manifests, a URL.

    ApiServerSource ─┐
    DirectorySource ─┼─ full sets ─▶ PodConfig ─ changes ─▶ sync loop
    UrlSource ───────┘               (diff_source)
"""

from kubelet.sources.apiserver import ApiServerSource
from kubelet.sources.directory import DirectorySource
from kubelet.sources.mirror import MirrorClient, is_mirror_of
from kubelet.sources.mux import (
    ManifestProblem,
    PodChange,
    PodConfig,
    PodOp,
    PodSource,
    Publish,
    diff_source,
)
from kubelet.sources.url import UrlSource

__all__ = [
    "ApiServerSource", "DirectorySource", "ManifestProblem", "MirrorClient", "PodChange", "PodConfig", "PodOp",
    "PodSource", "Publish", "UrlSource", "diff_source", "is_mirror_of",
]
