"""The strategic merge patch that turns the status that the API server has into the one that we want.

Only what differs is sent, and of the conditions only ours: other writers' are neither named nor reordered.
`metadata.uid` makes the server refuse the patch if a pod of the same name is another one (pkg/util/pod PatchPodStatus).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kubelet.api.codec import to_plain
from kubelet.api.types import PodCondition, PodStatus
from kubelet.podstatus.conditions import OWNED, SHARED

_MERGED_BY_IP = ("podIPs", "hostIPs")
_NOT_OURS = ("resourceClaimStatuses", "extendedResourceClaimStatus", "nodeAllocatableResourceClaimStatuses",
             "nominatedNodeName", "resize")
_CONDITION_FIELDS = ("lastProbeTime", "lastTransitionTime", "message", "observedGeneration", "reason")

Plain = dict[str, Any]


def status_patch(uid: str, old: PodStatus, new: PodStatus) -> Plain | None:
    """The patch's body; None when nothing of ours differs."""
    before, after = to_plain(old), to_plain(new)
    status: Plain = {}
    for field in sorted(before.keys() | after.keys()):
        if field in _NOT_OURS or field == "conditions":
            continue
        if field in _MERGED_BY_IP:
            status |= _ips(field, before.get(field, []), after.get(field, []))
        else:
            status |= field_patch(field, before, after)
    conditions = _conditions(old.conditions, new.conditions)
    if conditions:
        status["conditions"] = conditions
    return {"metadata": {"uid": uid}, "status": status} if status else None


def field_patch(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Plain:
    """The patch of one member; empty when it is the same.

    Maps are merged by the server, so what is gone is named with null; everything else is replaced.
    """
    if name not in after:
        return {name: None} if name in before else {}
    old, new = before.get(name), after[name]
    if old == new:
        return {}
    if not isinstance(old, dict) or not isinstance(new, dict):
        return {name: new}
    changes: Plain = {}
    for key in sorted(old.keys() | new.keys()):
        changes |= field_patch(key, old, new)
    return {name: changes}


def _ips(field: str, before: Sequence[Plain], after: Sequence[Plain]) -> Plain:
    """Lists that the server merges by `ip`: the new ones, the old ones deleted, and the order, primary first."""
    if list(before) == list(after):
        return {}
    gone = [{"$patch": "delete", "ip": item["ip"]} for item in before if item not in after]
    return {field: [*after, *gone], f"$setElementOrder/{field}": list(after)}


def _conditions(old: Sequence[PodCondition], new: Sequence[PodCondition]) -> list[Plain]:
    before = {condition.type: condition for condition in old}
    wanted = {condition.type: condition for condition in new}
    changed = [
        dict.fromkeys(_CONDITION_FIELDS) | to_plain(condition)
        for condition in new
        if condition.type in OWNED | SHARED and before.get(condition.type) != condition
    ]
    gone = [
        {"$patch": "delete", "type": condition.type}
        for condition in old if condition.type in OWNED and condition.type not in wanted
    ]
    return changed + gone
