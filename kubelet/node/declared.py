"""Features that a node declares and that pods may need: the scheduler and the API server go by them. Pure.

A pod that needs one that this node does not declare is not sent here, and is refused if somebody binds it all the
same. Source: component-helpers/nodedeclaredfeatures (KEP-5328).
"""

from kubelet.api.types import Pod
from kubelet.config import KubeletConfiguration, gates

RESTART_ALL = "RestartAllContainersOnContainerExits"
USER_NAMESPACES_ON_HOST_NETWORK = "UserNamespacesHostNetworkSupport"
_OURS = (
    "ExtendWebSocketsToKubelet", "InPlacePodLevelResourcesVerticalScaling", "InPlacePodVerticalScalingInitContainers",
    RESTART_ALL,
)
"""What this agent can do and upstream declares by a feature gate of the same name."""


def declared_features(config: KubeletConfiguration) -> tuple[str, ...]:
    if not gates.enabled("NodeDeclaredFeatures", config.feature_gates):
        return ()
    return tuple(sorted(name for name in _OURS if gates.enabled(name, config.feature_gates)))


def needed_features(pod: Pod) -> tuple[str, ...]:
    """In the order in which upstream knows them."""
    needed = []
    containers = (*pod.spec.containers, *pod.spec.init_containers)
    if any(rule.action == "RestartAllContainers" for one in containers for rule in one.restart_policy_rules):
        needed.append(RESTART_ALL)
    if pod.spec.host_network and pod.spec.host_users is False:
        needed.append(USER_NAMESPACES_ON_HOST_NETWORK)
    return tuple(needed)
