"""Lives of pods on a real node: other sizes while they run, restart of all containers in place, hooks, deadlines."""

import asyncio
import json
from pathlib import Path

from kube import (
    WAIT,
    Kube,
    condition,
    container_status,
    eventually,
    is_ready,
    pod,
    restarts,
    shell,
    web,
)

from conformance.apiclient import Json


def sized(cpu: str, memory: str, cpu_limit: str, memory_limit: str) -> Json:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu_limit, "memory": memory_limit}}


SMALL, BIG = sized("100m", "24Mi", "200m", "48Mi"), sized("200m", "24Mi", "300m", "64Mi")


async def resize(kube: Kube, name: str, **containers: Json) -> None:
    wanted = [{"name": container, "resources": resources} for container, resources in containers.items()]
    await kube.kubectl(
        "patch", "pod", name, "--subresource", "resize", "-p", json.dumps({"spec": {"containers": wanted}})
    )


def resizing(of: Json) -> list[tuple[str, str]]:
    """(type, reason) of the conditions that tell of a resize."""
    conditions = of.get("status", {}).get("conditions") or []
    return [(c["type"], c.get("reason", "")) for c in conditions if c["type"].startswith("PodResize")]


def pod_group(kube: Kube, of: Json, controller: str) -> Path:
    root = kube.cluster.node.path(f"/sys/fs/cgroup/{controller}/kubepods/burstable")
    return root / f"pod{of['metadata']['uid']}"


async def test_pods_are_resized_while_they_run(kube: Kube) -> None:
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    hog = "x=$(head -c 30000000 /dev/zero | tr '\\0' x); " + WAIT
    await kube.apply(
        pod("both", shell("stays", WAIT, resources=SMALL),
            shell("restarts", WAIT, resources=SMALL, resizePolicy=policy)),
        pod("greedy", shell("main", WAIT, resources=SMALL)),
        pod("hog", shell("main", hog, resources=sized("50m", "16Mi", "200m", "128Mi"))),
    )  # fmt: skip
    await kube.until_all(is_ready, "both", "greedy", "hog")
    before = await kube.get("pods/both")

    await resize(kube, "both", stays=BIG, restarts=BIG)

    def done(of: Json) -> bool:
        statuses = of["status"]["containerStatuses"]
        return not resizing(of) and is_ready(of) and all(
            status.get("resources") == BIG and status["allocatedResources"] == BIG["requests"] for status in statuses
        )  # fmt: skip

    after = await kube.until_pod("both", done)
    assert [restarts(after, name) for name in ("stays", "restarts")] == [0, 1]
    assert container_status(after, "stays")["containerID"] == container_status(before, "stays")["containerID"]
    assert after["status"]["observedGeneration"] == after["metadata"]["generation"]
    memory, cpu = pod_group(kube, after, "memory"), pod_group(kube, after, "cpu")
    assert (memory / "memory.limit_in_bytes").read_text().strip() == str(128 << 20)
    assert (cpu / "cpu.cfs_quota_us").read_text().strip() == "60000"
    stays = container_status(after, "stays")["containerID"].partition("://")[2]
    assert (memory / stays / "memory.limit_in_bytes").read_text().strip() == str(64 << 20)
    assert (cpu / stays / "cpu.cfs_quota_us").read_text().strip() == "30000"
    reasons = {event.reason for event in await kube.until_events("both", lambda seen: any(
        event.reason == "ResizeCompleted" for event in seen))}  # fmt: skip
    assert {"ResizeStarted", "ResizeCompleted"} <= reasons

    # More than the node has: it waits, says so, and is forgotten when it is taken back.
    await resize(kube, "greedy", main=sized("1950m", "24Mi", "1950m", "48Mi"))
    waits = await kube.until_pod("greedy", lambda of: resizing(of) == [("PodResizePending", "Deferred")])
    assert container_status(waits)["allocatedResources"]["cpu"] == "100m"
    assert "Node didn't have enough resource: cpu, requested: 1950" in next(
        c["message"] for c in waits["status"]["conditions"] if c["type"] == "PodResizePending"
    )
    await kube.until_event("greedy", "ResizeDeferred")
    await resize(kube, "greedy", main=SMALL)
    await kube.until_pod("greedy", lambda of: not resizing(of))

    # Less than is used: refused, told, and done once there is room.
    await resize(kube, "hog", main=sized("50m", "16Mi", "200m", "16Mi"))
    failed = await kube.until_pod("hog", lambda of: resizing(of) == [("PodResizeInProgress", "Error")])
    assert restarts(failed) == 0
    await kube.until_event("hog", "ResizeError")
    await resize(kube, "hog", main=sized("50m", "16Mi", "200m", "96Mi"))
    done_at_last = await kube.until_pod("hog", lambda of: not resizing(of))
    assert container_status(done_at_last)["resources"]["limits"]["memory"] == "96Mi"


async def test_one_exit_restarts_all_containers_in_place(kube: Kube) -> None:
    shared = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    rules = [{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}]
    once = "[ -e /shared/again ] && { " + WAIT + "; }; touch /shared/again; sleep 1; exit 42"
    await kube.apply(pod(
        "crew", web("app"), shell("worker", once, restartPolicy="Never", restartPolicyRules=rules, **shared),
        initContainers=[shell("setup", "echo again >>/shared/setups", **shared),
                        shell("side", WAIT, restartPolicy="Always")],
        volumes=[{"name": "shared", "emptyDir": {}}], restartPolicy="Never",
    ))  # fmt: skip

    async with kube.recording("pods/crew") as recording:
        restarted = await kube.until_pod("crew", lambda of: is_ready(of) and restarts(of, "app") == 1)
    assert {name: restarts(restarted, name) for name in ("setup", "side", "app", "worker")} == dict.fromkeys(
        ("setup", "side", "app", "worker"), 1
    )
    ready = [of for of in recording.objects() if container_status(of, "app").get("containerID")]
    assert {of["status"].get("podIP") for of in ready} == {restarted["status"]["podIP"]}, "the sandbox stayed"
    assert any(condition(of, "AllContainersRestarting") == "True" for of in recording.objects())
    assert condition(restarted, "AllContainersRestarting") == "False"
    assert all(condition(of, "Initialized") == "True" for of in ready)


async def test_a_hook_may_take_the_whole_grace_period_and_no_more(kube: Kube) -> None:
    """preStop and stop share one deadline; what a drained server takes beyond half a minute is no failure."""
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "sleep 100"]}}}
    await kube.apply(
        pod("stuck", shell("main", "trap '' TERM; while :; do sleep 1; done", lifecycle=hook),
            terminationGracePeriodSeconds=3),
        pod("broken", shell("main", WAIT, lifecycle={"preStop": {"exec": {"command": ["false"]}}})),
        pod("unhooked", shell("main", WAIT, lifecycle={"postStart": {"tcpSocket": {"port": 80}}})),
    )  # fmt: skip
    await kube.until_all(is_ready, "stuck", "broken")
    await kube.until_event("unhooked", "FailedPostStartHook")
    began = asyncio.get_running_loop().time()
    await asyncio.gather(kube.delete("pods/stuck"), kube.delete("pods/broken"))
    await kube.until_gone("stuck")
    assert asyncio.get_running_loop().time() - began < 30, "the hook's 100 seconds do not count"

    async def told() -> None:
        assert "FailedPreStopHook" in {event.reason for event in await kube.events("broken")}

    await eventually(told)
