"""In-place resize: what a pod may use now (allocated), what it was given (actuated), and what it still waits for.

    spec changed ─▶ Allocations ── fits? ──▶ allocated ─▶ pod worker ─▶ plan ─▶ Resizer ─▶ actuated
                        │ no                                              (kubelet.resize, kubelet.executor.resize)
                        └▶ PodResizePending, tried again when room comes

Everybody on this node sees pods with what is allocated to them, never with what their spec newly asks for.
`manager` knows statuses and admission, which know plans, which know what is here: import it by its own name.
Source: pkg/kubelet/allocation (KEP-1287).
"""

from kubelet.allocation.resources import PodResources, resources_of_pod, with_resources
from kubelet.allocation.store import ResourceStore

__all__ = ["PodResources", "ResourceStore", "resources_of_pod", "with_resources"]
