"""What the node does to pods for its own sake: critical pods get room, pods that use too much are evicted."""

import asyncio

from kube import TIMEOUT_SECONDS, WAIT, Kube, condition, is_ready, phase, pod, shell

from conformance.apiclient import Json
from kubelet.operator.client import AskError, ask

CRITICAL = "system-node-critical"
STUBBORN = "trap '' TERM; while :; do sleep 1; done"


def asking(cpu_milli: int) -> Json:
    return {"resources": {"requests": {"cpu": f"{cpu_milli}m"}}}


def bound(kube: Kube, obj: Json) -> Json:
    """Past the scheduler, which would look for room itself."""
    obj["spec"]["nodeName"] = kube.cluster.name
    return obj


async def _free_cpu_milli(kube: Kube) -> int:
    """Of the node, as its admission counts."""
    node = await kube.get(f"nodes/{kube.cluster.name}")
    listed = await kube.client.get("/api/v1/pods", fieldSelector=f"spec.nodeName={kube.cluster.name}")
    requests = [
        c.get("resources", {}).get("requests", {}).get("cpu", "0")
        for p in listed["items"] if phase(p) not in ("Failed", "Succeeded") for c in p["spec"]["containers"]
    ]
    return _milli(node["status"]["allocatable"]["cpu"]) - sum(map(_milli, requests))


def _milli(quantity: str) -> int:
    return int(quantity[:-1]) if quantity.endswith("m") else int(quantity) * 1000


async def _until_explained(kube: Kube, name: str, summary: str) -> None:
    socket, told = str(kube.cluster.node.path("/var/lib/kubelet/podwright.sock")), ""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while told != summary:
                try:
                    told = (await asyncio.to_thread(ask, socket, "explain", f"{kube.namespace}/{name}"))["summary"]
                except AskError as error:
                    told = str(error)  # the node has not heard of the pod yet
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{name} is explained by {told!r}, not by {summary!r}") from None


async def test_a_critical_pod_takes_the_place_of_a_lesser_one(kube: Kube) -> None:
    free = await _free_cpu_milli(kube)
    await kube.apply(
        bound(kube, pod("victim", shell("main", STUBBORN, **asking(free - 100)),
                        terminationGracePeriodSeconds=4)),
        bound(kube, pod("bystander", shell("main", WAIT))),
    )
    await kube.until_pod("victim", is_ready)
    await kube.until_pod("bystander", is_ready)
    await kube.apply(bound(kube, pod("plain", shell("main", WAIT, **asking(200)))))
    rejected = await kube.until_pod("plain", lambda p: phase(p) == "Failed")
    assert rejected["status"]["reason"] == "OutOfcpu"
    await kube.apply(bound(kube, pod("giant", shell("main", WAIT, **asking(10**7)), priorityClassName=CRITICAL)))
    rejected = await kube.until_pod("giant", lambda p: phase(p) == "Failed")
    assert rejected["status"]["reason"] == "UnexpectedAdmissionError"
    text = "error finding a set of pods to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: "
    assert text in rejected["status"]["message"]
    assert is_ready(await kube.get("pods/victim")), "who cannot be helped costs nobody anything"
    await kube.apply(bound(kube, pod("critical", shell("main", WAIT, **asking(200)), priorityClassName=CRITICAL)))
    await _until_explained(kube, "critical", f"the pod waits for room on the node: {kube.namespace}/victim ends for it")
    ended = await kube.until_pod("victim", lambda p: phase(p) == "Failed")
    await kube.until_pod("critical", is_ready)
    assert (ended["status"]["reason"], ended["status"]["message"]) == (
        "Preempting", "Preempted in order to admit critical pod"
    )
    disruption = next(c for c in ended["status"]["conditions"] if c["type"] == "DisruptionTarget")
    assert (disruption["status"], disruption["reason"], disruption["message"]) == (
        "True", "TerminationByKubelet", "Pod was preempted by Kubelet to accommodate a critical pod."
    )
    event = await kube.until_event("victim", "Preempting")
    assert (event.kind, event.message) == ("Warning", "Preempted in order to admit critical pod")
    assert condition(await kube.get("pods/bystander"), "Ready") == "True"


async def test_the_scheduler_sends_pods_whose_features_the_node_declares(kube: Kube) -> None:
    """Past no one: what a node does not declare is never scheduled to it."""
    rule = {"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}
    await kube.apply(
        pod("restarts-all", shell("main", WAIT, restartPolicy="Never", restartPolicyRules=[rule]), shell("other", WAIT),
            restartPolicy="Never")
    )  # fmt: skip
    await kube.until_pod("restarts-all", is_ready)
