"""The pods of a soak, by kind, and what is to become of each when nobody disturbs it. Pure."""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

WEB = "localhost/podwright/web:1"
BUSYBOX, BUSYBOX_TOO = "localhost/podwright/busybox:1", "docker.io/library/busybox:stable"
"""The second is the first under another name: an edit that changes nothing but the name restarts the container."""
EXPECT_LABEL = "soak.podwright/expect"
READY, ENDED, RUNS = "ready", "ended", "runs"
"""At a quiet point: Running and Ready; Succeeded or Failed; Running, ready or not (it crashes again and again)."""
WAIT = "trap 'exit 0' TERM; sleep 100000 & wait"
DEAF = "trap '' TERM; while :; do sleep 1000; done"
FIRST_HOST_PORT = 20000
CONFIG, SECRET = "soak-config", "soak-secret"


def shell(name: str, script: str, **fields: Any) -> Json:
    return {"name": name, "image": BUSYBOX, "command": ["sh", "-c", script], **fields}


def exec_probe(script: str = "true", **fields: Any) -> Json:
    return {"exec": {"command": ["sh", "-c", script]}, "periodSeconds": 1, "failureThreshold": 5, **fields}


def _plain(_: int) -> Json:
    return {"containers": [shell("main", WAIT)]}


def _two(_: int) -> Json:
    return {"containers": [shell("main", WAIT), shell("second", WAIT)]}


def _deaf(_: int) -> Json:
    return {"containers": [shell("main", DEAF)], "terminationGracePeriodSeconds": 2}


def _init(_: int) -> Json:
    return {"containers": [shell("main", WAIT)],
            "initContainers": [shell("one", "true"), shell("two", "usleep 300000")]}


def _sidecar(_: int) -> Json:
    return {"containers": [shell("main", WAIT)],
            "initContainers": [shell("side", WAIT, restartPolicy="Always", startupProbe=exec_probe()),
                               shell("after", "true")]}


def _probes(_: int) -> Json:
    page = {"httpGet": {"path": "/hostname", "port": 80}, "periodSeconds": 1, "failureThreshold": 10,
            "timeoutSeconds": 10}
    return {"containers": [{"name": "main", "image": WEB, "ports": [{"containerPort": 80}], "startupProbe": page,
                            "readinessProbe": page, "livenessProbe": page},
                           shell("second", WAIT, readinessProbe=exec_probe())]}


def _hooks(_: int) -> Json:
    hooks = {"postStart": {"exec": {"command": ["sh", "-c", "usleep 100000"]}},
             "preStop": {"exec": {"command": ["sh", "-c", "usleep 200000"]}}}
    return {"containers": [shell("main", WAIT, lifecycle=hooks), shell("second", WAIT)]}


def _volumes(_: int) -> Json:
    mounts = [("disk", "/disk"), ("memory", "/memory"), ("config", "/config"), ("secret", "/secret"), ("down", "/down")]
    mounted = [{"name": name, "mountPath": path} for name, path in mounts]
    part = {"name": "disk", "mountPath": "/part", "subPathExpr": "part-$(NAME)"}
    name = {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    return {
        "containers": [shell("main", f"echo $$ >/disk/pid; {WAIT}", volumeMounts=[*mounted, part], env=[name]),
                       shell("second", WAIT, volumeMounts=mounted)],
        "volumes": [
            {"name": "disk", "emptyDir": {}}, {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
            {"name": "config", "configMap": {"name": CONFIG}}, {"name": "secret", "secret": {"secretName": SECRET}},
            {"name": "down", "downwardAPI": {"items": [{"path": "labels",
                                                        "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        ],
        "securityContext": {"fsGroup": 1234},
    }


def _host_port(number: int) -> Json:
    port = {"containerPort": 80, "hostPort": FIRST_HOST_PORT + number}
    return {"containers": [{"name": "main", "image": WEB, "ports": [port, port | {"protocol": "UDP"}]}]}


def _host_network(_: int) -> Json:
    return {"containers": [shell("main", WAIT)], "hostNetwork": True, "hostPID": True}


def _shared(_: int) -> Json:
    return {"containers": [shell("main", WAIT), shell("second", WAIT)], "shareProcessNamespace": True}


def _chatty(_: int) -> Json:
    return {"containers": [shell("main", f"(while :; do echo $RANDOM; usleep 20000; done) & {WAIT}")]}


def _limited(_: int) -> Json:
    limits = {"cpu": "100m", "memory": "32Mi"}
    return {"containers": [shell("main", WAIT, resources={"limits": limits, "requests": {"cpu": "10m"}})]}


def _job(_: int) -> Json:
    return {"containers": [shell("main", "usleep 700000")], "restartPolicy": "Never"}


def _failing_job(_: int) -> Json:
    return {"containers": [shell("main", "usleep 300000; exit 3"), shell("second", "true")], "restartPolicy": "Never"}


def _job_with_sidecar(_: int) -> Json:
    return {"containers": [shell("main", "usleep 700000")], "restartPolicy": "OnFailure",
            "initContainers": [shell("side", WAIT, restartPolicy="Always")]}


def _crashing(_: int) -> Json:
    return {"containers": [shell("main", "usleep 500000; exit 1"), shell("second", WAIT)]}


def _unhealthy(_: int) -> Json:
    probe = exec_probe("false", periodSeconds=2, failureThreshold=2, terminationGracePeriodSeconds=1)
    return {"containers": [shell("main", WAIT, livenessProbe=probe)]}


_MAKERS: dict[str, tuple[Callable[[int], Json], str]] = {
    "plain": (_plain, READY), "two": (_two, READY), "deaf": (_deaf, READY), "init": (_init, READY),
    "sidecar": (_sidecar, READY), "probes": (_probes, READY), "hooks": (_hooks, READY), "volumes": (_volumes, READY),
    "host-port": (_host_port, READY), "host-network": (_host_network, READY), "shared": (_shared, READY),
    "chatty": (_chatty, READY), "limited": (_limited, READY), "job": (_job, ENDED),
    "failing-job": (_failing_job, ENDED), "job-with-sidecar": (_job_with_sidecar, ENDED),
    "crashing": (_crashing, RUNS), "unhealthy": (_unhealthy, RUNS),
}  # fmt: skip
KINDS = tuple(_MAKERS)
STATIC_KINDS = ("plain", "two", "init", "sidecar", "crashing", "host-network")


def make_pod(name: str, kind: str, namespace: str) -> Json:
    """A pod of this kind. Its name ends in a number, which makes what must be unique on a node so."""
    make, expected = _MAKERS[kind]
    spec = {"terminationGracePeriodSeconds": 3, **make(int(name.rpartition("-")[2]))}
    labels = {EXPECT_LABEL: expected, "soak.podwright/kind": kind}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
