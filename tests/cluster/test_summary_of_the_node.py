"""The stats summary of a node, through a real API server: every figure that cgroups, disks and runtime give."""

import json
from typing import Any

from kube import Kube, of_peer
from watched import raw, watched_pod


async def test_the_summary_has_every_figure_that_a_node_can_give(kube: Kube) -> None:
    await watched_pod(kube)
    summary = json.loads(await raw(kube, "stats/summary"))
    node = summary["node"]
    found = next(one for one in summary["pods"] if one["podRef"]["namespace"] == kube.namespace)
    (box,), (volume,) = found["containers"], [one for one in found["volume"] if one["name"] == "scratch"]
    for place, wanted in (
        (node, "nodeName systemContainers startTime cpu memory network fs runtime rlimit swap"),
        (node["cpu"], "time usageCoreNanoSeconds"),
        (node["memory"], "time availableBytes usageBytes workingSetBytes rssBytes pageFaults majorPageFaults"),
        (node["fs"], FS), (node["runtime"]["imageFs"], FS), (node["runtime"]["containerFs"], FS),
        (node["rlimit"], "time maxpid curproc"),
        (node["network"], "time interfaces"),
        (found, "podRef startTime containers cpu memory network volume ephemeral-storage process_stats"),
        (found["cpu"], "time usageCoreNanoSeconds"),
        (found["memory"], "time usageBytes workingSetBytes rssBytes pageFaults majorPageFaults"),
        (found["network"], "time name rxBytes rxErrors txBytes txErrors interfaces"), (found["ephemeral-storage"], FS),
        (found["process_stats"], "process_count"),
        (box, "name startTime cpu memory rootfs logs"), (box["rootfs"], FS), (box["logs"], FS),
        (box["cpu"], "time usageCoreNanoSeconds"),
        (box["memory"], "time availableBytes usageBytes workingSetBytes rssBytes pageFaults majorPageFaults"),
        (volume, f"name {FS}"),
    ):
        assert not set(wanted.split()) - place.keys(), place
    names = {one["name"] for one in node["systemContainers"]}
    assert {"kubelet", "pods"} <= names
    assert of_peer(kube.cluster) or "runtime" in names
    assert _all_positive(found, "usedBytes") and found["process_stats"]["process_count"] >= 2
    assert found["ephemeral-storage"]["usedBytes"] >= volume["usedBytes"] + box["logs"]["usedBytes"]
    small = json.loads(await raw(kube, "stats/summary?only_cpu_and_memory=true"))
    assert "fs" not in small["node"] and all("network" not in one for one in small["pods"])


FS = "time availableBytes capacityBytes usedBytes inodesFree inodes inodesUsed"


def _all_positive(place: Any, name: str) -> bool:
    if isinstance(place, dict):
        return all(value > 0 if key == name else _all_positive(value, name) for key, value in place.items())
    return not isinstance(place, list) or all(_all_positive(one, name) for one in place)
