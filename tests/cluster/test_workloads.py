"""Everyday workloads: what the scheduler and the controllers bring, the node runs, and removes without a trace."""

import asyncio
import re
import time

from kube import (
    WAIT,
    Kube,
    Lines,
    condition,
    config_map,
    container_status,
    eventually,
    is_ready,
    kill_container,
    network_namespaces,
    of_peer,
    phase,
    pod,
    restarts,
    secret,
    shell,
    succeeded,
    traces,
    waiting_reason,
    web,
)

from conformance.apiclient import Json

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: localhost/podwright/web:1
          ports: [{name: http, containerPort: 80}]
          readinessProbe: {httpGet: {port: http, path: /hostname}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
"""

CONTROLLERS = """
apiVersion: batch/v1
kind: Job
metadata: {name: sum}
spec:
  completions: 2
  parallelism: 2
  template:
    spec:
      restartPolicy: OnFailure
      containers: [{name: main, image: "localhost/podwright/busybox:1", command: [sh, -c, "echo $((40 + 2))"]}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: "localhost/podwright/web:1"}]
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          image: localhost/podwright/web:1
          readinessProbe: {httpGet: {port: 80, path: /hostname}, periodSeconds: 1}
"""


async def test_deployment_service_and_dns(kube: Kube) -> None:
    await kube.apply(DEPLOYMENT)
    await kube.until("deployments/web", lambda d: condition(d, "Available") == "True" and _ready(d) == 3)
    pods = (await kube.client.get(f"/api/v1/namespaces/{kube.namespace}/pods", labelSelector="app=web"))["items"]
    names = {p["metadata"]["name"] for p in pods}
    assert len({p["status"]["podIP"] for p in pods}) == 3
    # Every replica answers behind the Service's name: 40 random choices miss one of three once in ten million runs.
    said = await kube.run(
        "client",
        f"nslookup web.{kube.namespace}.svc.cluster.local >/dev/null || exit 1\n"
        "for i in $(seq 40); do wget -qO- http://web/hostname || exit 1; done",
    )
    assert set(said.split()) == names
    # The name alone is enough, through the search list; and a Service seen at the start is in the environment.
    said = await kube.run("environment", "echo $WEB_SERVICE_HOST:$WEB_SERVICE_PORT; cat /etc/resolv.conf")
    address = (await kube.get("services/web"))["spec"]["clusterIP"]
    variables, *resolver = said.splitlines()
    assert variables == f"{address}:80"
    assert sorted(resolver) == [  # in which order is the runtime's choice
        "nameserver 10.96.0.10",
        "options ndots:5",
        f"search {kube.namespace}.svc.cluster.local svc.cluster.local cluster.local",
    ]


async def test_job_daemonset_and_statefulset_with_headless_service(kube: Kube) -> None:
    await kube.apply(CONTROLLERS)
    await asyncio.gather(
        kube.until("jobs/sum", lambda job: condition(job, "Complete") == "True"),
        kube.until("daemonsets/agent", lambda d: d["status"].get("numberAvailable") == 1),
        kube.until("statefulsets/db", lambda s: _ready(s) == 2),
    )
    assert await kube.logs("job/sum") == "42\n"
    said = await kube.run(
        "client",
        "for i in 0 1; do wget -qO- http://db-$i.db/hostname || exit 1; done",
    )
    assert said.splitlines()[:2] == ["db-0", "db-1"]
    # A member that is deleted comes back under its name.
    before = await kube.get("pods/db-1")
    await kube.delete("pods/db-1")
    uid = before["metadata"]["uid"]
    await kube.until_pod("db-1", lambda p: bool(p) and p["metadata"]["uid"] != uid and is_ready(p))


async def test_logs(kube: Kube) -> None:
    script = "echo begin; echo problem >&2; i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo line $i; sleep 0.1; done"
    again = f"echo run; if [ -e /keep/second ]; then {WAIT}; fi; touch /keep/second; exit 1"
    await kube.apply(
        pod("ends", shell("main", script), restartPolicy="Never"),
        pod("twice", shell("main", again, volumeMounts=[{"name": "keep", "mountPath": "/keep"}]),
            initContainers=[shell("init", "echo from init")], volumes=[{"name": "keep", "emptyDir": {}}]),
    )  # fmt: skip
    await kube.until_pod("ends", lambda p: phase(p) == "Running")
    async with kube.following("ends") as lines:
        numbers = [int(word) for line in await _rest(lines) if (word := line.removeprefix("line ")).isdigit()]
        assert await lines.ends() == 0
    assert numbers == list(range(1, 31))
    whole = await kube.logs("ends")
    assert {"begin", "problem"} <= set(whole.splitlines())
    assert (await kube.logs("ends", "--tail=2")).splitlines() == ["line 29", "line 30"]
    assert len(await kube.logs("ends", "--limit-bytes=10")) == 10
    stamped = (await kube.logs("ends", "--timestamps", "--tail=1")).strip()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d) line 30", stamped)
    await kube.until_pod("twice", lambda p: restarts(p) == 1 and is_ready(p))
    assert await kube.logs("twice", "--previous") == "run\n"
    assert await kube.logs("twice", "-c", "init") == "from init\n"


async def test_killed_container_is_restarted_within_a_second_of_its_backoff(kube: Kube) -> None:
    await kube.apply(pod("victim", shell("main", WAIT)))
    first = container_status(await kube.until_pod("victim", is_ready))
    allowed = 5.0 if of_peer(kube.cluster) else 1.0  # the promise is ours; the peer relists and wakes on ticks

    began = time.monotonic()
    await kill_container(kube.cluster, first)
    again = await kube.until_pod("victim", lambda p: restarts(p) == 1 and is_ready(p))
    took = time.monotonic() - began
    second = container_status(again)
    assert second["lastState"]["terminated"]["exitCode"] == 137
    assert second["lastState"]["terminated"]["containerID"] == first["containerID"]
    assert second["containerID"] != first["containerID"]
    assert took < allowed + 0.5, f"the first restart, which has no back-off, took {took:.2f} s"  # 0.5: kubectl's way

    async with kube.recording("pods/victim") as recording:
        began = time.monotonic()
        await kill_container(kube.cluster, second)
        last = await kube.until_pod("victim", lambda p: restarts(p) == 2 and is_ready(p))
        took = time.monotonic() - began
    assert 9.0 < took < 10.0 + allowed + 0.5, f"the second restart, after 10 s of back-off, took {took:.2f} s"
    waited = [o for o in recording.objects() if waiting_reason(o) == "CrashLoopBackOff"]
    assert container_status(waited[0])["state"]["waiting"]["message"] == (
        f"back-off 10s restarting failed container=main pod=victim_{kube.namespace}({last['metadata']['uid']})"
    )


async def test_every_end_is_noticed(kube: Kube) -> None:
    """A burst of containers that end as soon as they have started: none of them runs on in the API."""
    names = [f"quick-{i}" for i in range(25)]
    containers = [shell(name, "exit 0") for name in ("one", "two", "three")]
    pods = [pod(name, *containers, restartPolicy="Never") for name in names]
    await kube.apply(*pods)
    await kube.until_all(succeeded, *names)


async def test_probes_restart_and_gate(kube: Kube) -> None:
    live = {"exec": {"command": ["test", "!", "-e", "/tmp/ill"]}, "periodSeconds": 1, "failureThreshold": 2}
    ready = {"httpGet": {"path": "/ready", "port": 80}, "periodSeconds": 1}
    slow = {"tcpSocket": {"port": 80}, "periodSeconds": 1, "failureThreshold": 30}
    late = "mkdir /w; sleep 3; httpd -p 80 -h /w; sleep 2; echo yes >/w/ready; " + WAIT
    await kube.apply(
        pod("ill", shell("main", "sleep 2; touch /tmp/ill; " + WAIT, livenessProbe=live)),
        pod("late", shell("main", late, startupProbe=slow, readinessProbe=ready)),
    )
    async with kube.recording("pods/late") as recording:
        await kube.until_pod("ill", lambda p: restarts(p) == 1)
        await kube.until_pod("late", is_ready)
        event = await kube.until_event("ill", "Killing")
        assert event.message == "Container main failed liveness probe, will be restarted"

        async def recorded() -> None:  # by a watch of its own, which may lag a little behind
            found = [container_status(o) for o in recording.objects()]
            states = [(c["started"], c["ready"]) for c in found if c.get("state")]
            assert list(dict.fromkeys(states)) == [(False, False), (True, False), (True, True)]

        await eventually(recorded, timeout=5)


async def test_deletion_leaves_nothing(kube: Kube) -> None:
    namespaces = network_namespaces(kube.cluster)
    mounts = [{"name": n, "mountPath": f"/{n}"} for n in ("config", "secret", "memory", "disk")]
    await kube.apply(
        config_map("settings", key="value"),
        secret("passwords", key="value"),
        pod("rich", shell("main", WAIT, volumeMounts=mounts, resources={"limits": {"memory": "32Mi"}}),
            shell("crash", "exit 1"),
            initContainers=[shell("init", "true"), shell("side", WAIT, restartPolicy="Always")],
            volumes=[{"name": "config", "configMap": {"name": "settings"}},
                     {"name": "secret", "secret": {"secretName": "passwords"}},
                     {"name": "memory", "emptyDir": {"medium": "Memory"}}, {"name": "disk", "emptyDir": {}}]),
        pod("port", web(ports=[{"containerPort": 80, "hostPort": 30080}])),
        pod("host", shell("main", WAIT), hostNetwork=True),
        pod("done", shell("main", "true"), restartPolicy="Never"),
        pod("stuck", shell("main", WAIT, image="localhost:1/none:1")),
        pod("stubborn", shell("main", "trap '' TERM; while :; do sleep 1; done"), terminationGracePeriodSeconds=1),
    )  # fmt: skip
    await kube.until_all(is_ready, "port", "host", "stubborn")
    await kube.until_all(lambda p: container_status(p, "main").get("ready") is True, "rich")
    await kube.until_pod("done", succeeded)
    await kube.until_pod("stuck", lambda p: waiting_reason(p) == "ImagePullBackOff")
    pods: list[Json] = (await kube.client.get(f"/api/v1/namespaces/{kube.namespace}/pods"))["items"]
    assert len(await traces(kube.cluster, pods)) > 20  # or `traces` looks in the wrong places
    for name in ("rich", "port", "host", "done", "stuck", "stubborn"):
        await kube.delete(f"pods/{name}")
    await asyncio.gather(*(kube.until_gone(p["metadata"]["name"]) for p in pods))

    async def clean() -> None:
        assert await traces(kube.cluster, pods) == []
        assert network_namespaces(kube.cluster) - namespaces == set()

    # Upstream's garbage collector, which removes the sandboxes, runs once in a minute.
    await eventually(clean, timeout=130 if of_peer(kube.cluster) else 30)


def _ready(workload: Json) -> int:
    return int(workload["status"].get("readyReplicas", 0))


async def _rest(lines: Lines) -> list[str]:
    found: list[str] = []
    while line := await lines.next():
        found.append(line)
    return found
