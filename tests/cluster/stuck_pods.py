"""Pods that are stuck, each for a reason of its own, and what `podwright explain` has to say of each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kube import BUSYBOX, WAIT, pod, shell, web

from conformance.apiclient import Json

REGISTRY_PORT = 5100
HOLDER_PORT = 31999
GATE = [{"name": "tests.podwright/gate"}]
FOREVER = 600
CREATE_IT, REFERENCES = "create the ConfigMap or Secret", "what its spec refers to"


@dataclass(frozen=True, slots=True)
class Stuck:
    """A pod and its answer: regular expressions for what it waits for, the last error ("": there is none) and the
    advice; `subject` is the container that is named, `retries` whether a next retry has to be told."""

    manifest: Json
    waits_for: str
    error: str = ""
    advice: str = ""
    subject: str = ""
    retries: bool = False

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    def misses(self, answer: Mapping[str, Any], now: float) -> list[str]:
        """What the answer lacks."""
        first = answer["findings"][0] if answer["findings"] else {"subject": "", "since": None}
        wrong = [
            f"{field} {answer[field]!r} has no {wanted!r}"
            for field, wanted in (("waits_for", self.waits_for), ("last_error", self.error), ("advice", self.advice))
            if not re.search(wanted, answer[field], re.IGNORECASE | re.DOTALL)
        ]
        if first["subject"] != self.subject:
            wrong.append(f"the container is {first['subject']!r}, not {self.subject!r}")
        if answer["since"] is None or not now - FOREVER < answer["since"] <= now:
            wrong.append(f"since {answer['since']} is no time of this test")
        retry = answer["next_retry_at"]
        if self.retries and (retry is None or retry < now - 5):
            wrong.append(f"the next retry is {retry}, now is {now}")
        return wrong


def _main(script: str = WAIT, **fields: Any) -> Json:
    return shell("main", script, **fields)


def _env(name: str, **source: Json) -> Json:
    return {"name": name, "valueFrom": source}


def _mounting(name: str, volume: Json, mount: Json | None = None, script: str = WAIT, **spec: Any) -> Json:
    mounts = [{"name": "data", "mountPath": "/data", **(mount or {})}]
    return pod(name, _main(script, volumeMounts=mounts), volumes=[{"name": "data", **volume}], **spec)


def _http(port: int) -> Json:
    return {"httpGet": {"path": "/", "port": port}, "periodSeconds": 1}


def _false(**fields: Any) -> Json:
    return {"exec": {"command": ["sh", "-c", "echo not yet; false"]}, "periodSeconds": 1, **fields}


def _on(node: str, name: str, *containers: Json, **spec: Any) -> Json:
    """Past the scheduler, which would not give the node such a pod."""
    return pod(name, *containers, nodeName=node, **spec)


def references() -> list[Stuck]:
    return [
        Stuck(pod("secret-in-env", _main(env=[_env("A", secretKeyRef={"name": "absent", "key": "k"})])),
              REFERENCES, 'secret "absent" not found', CREATE_IT, "main", True),
        Stuck(pod("config-map-in-env", _main(envFrom=[{"configMapRef": {"name": "absent"}}])),
              REFERENCES, 'configmap "absent" not found', CREATE_IT, "main", True),
        Stuck(pod("key-in-env", _main(env=[_env("A", configMapKeyRef={"name": "there", "key": "nokey"})])),
              REFERENCES, "couldn't find key nokey", "add the key", "main", True),
        Stuck(_mounting("config-map-volume", {"configMap": {"name": "absent"}}), "its volume data to be mounted",
              'configmap "absent" not found', CREATE_IT, retries=True),
        Stuck(_mounting("secret-volume", {"secret": {"secretName": "absent"}}), "its volume data to be mounted",
              'secret "absent" not found', CREATE_IT, retries=True),
        Stuck(_mounting("key-volume", {"configMap": {"name": "there", "items": [{"key": "nokey", "path": "p"}]}}),
              "its volume data to be mounted", "non-existent config key: nokey", "add the key", retries=True),
        Stuck(_mounting("host-path-type", {"hostPath": {"path": "/etc/hostname", "type": "Directory"}}),
              "its volume data to be mounted", "hostPath type check failed", "make the host path what", retries=True),
        Stuck(_mounting("unknown-volume", {"nfs": {"server": "192.0.2.1", "path": "/"}}),
              "its volumes? .*to be mounted", "no volume plugin matched", "use a volume type", retries=True),
        Stuck(_mounting("sub-path", {"configMap": {"name": "there"}}, {"subPath": "key/below"}), REFERENCES,
              "subpath", "subPath in the volume", "main", True),
        Stuck(pod("root", _main(securityContext={"runAsNonRoot": True})), REFERENCES,
              "run as root", "runAsUser", "main", True),
    ]  # fmt: skip


def images() -> list[Stuck]:
    def of(name: str, image: str, **fields: Any) -> Json:
        return pod(name, _main(image=image, **fields))

    registry = f"127.0.0.1:{REGISTRY_PORT}"
    return [
        Stuck(of("image-name", "not//a:name"), "its image not//a:name", "couldn't parse image|invalid reference",
              "correct spec.containers", "main", True),
        Stuck(of("image-absent", f"{registry}/none:1"), f"its image {registry}/none:1", "manifest unknown|not found",
              "no such image or tag", "main", True),
        Stuck(of("image-never", "localhost/never:1", imagePullPolicy="Never"), "its image localhost/never:1",
              "is not present with pull policy of Never", "load the image", "main", True),
        Stuck(of("registry-away", "127.0.0.1:5999/x:1"), "its image 127.0.0.1:5999/x:1", "connection refused",
              "cannot talk to the registry", "main", True),
        Stuck(of("image-slow", f"{registry}/slow:1"),
              rf"its image {registry}/slow:1, which is being pulled: .* MiB of 38\.1 MiB, .* MiB/s", "",
              "slow registry", "main"),
    ]  # fmt: skip


def starting() -> list[Stuck]:
    hang = {"postStart": {"exec": {"command": ["sleep", "10000"]}}}
    return [
        Stuck(pod("cni-fails", _main()), "its sandbox", "the address pool is on fire", "CNI plugin", retries=True),
        Stuck(pod("cni-hangs", _main()), "its sandbox: the runtime and its network plugin make it"),  # for 90 s
        Stuck(pod("disk-full", _main(), schedulingGates=GATE), "its directory", "no space left on device", "free space",
              retries=True),
        Stuck(pod("class-absent", _main(), schedulingGates=GATE, runtimeClassName="vanishes"), "its sandbox",
              'RuntimeClass.*"vanishes".*not found', "create the RuntimeClass", retries=True),
        Stuck(pod("handler-unknown", _main(), runtimeClassName="unheard-of"), "its sandbox", "unheard-of",
              "configure the RuntimeClass's handler", retries=True),
        Stuck(pod("not-executable", {"name": "main", "image": BUSYBOX, "command": ["/etc/passwd"]}),
              "the runtime to start it|its back-off: it cannot be started", "permission denied", "not executable",
              "main", True),
        Stuck(pod("no-such-command", {"name": "main", "image": BUSYBOX, "command": ["/nope"]}),
              "the runtime to start it|its back-off: it cannot be started", "no such file", "no such command", "main",
              True),
        Stuck(pod("post-start-hangs", _main(lifecycle=hang)), "its postStart hook to end", "",
              "what its command waits for", "main"),
    ]  # fmt: skip


def rejected(node: str) -> list[Stuck]:
    sysctl = {"sysctls": [{"name": "kernel.msgmax", "value": "65536"}]}
    apparmor = {"appArmorProfile": {"type": "Localhost", "localhostProfile": "absent"}}
    return [
        Stuck(_on(node, "out-of-cpu", _main(resources={"requests": {"cpu": "1000"}})), "a node that admits it",
              "enough resource: cpu|Insufficient cpu|OutOfcpu", "lower the pod's requests"),
        Stuck(_on(node, "node-selector", _main(), nodeSelector={"no": "such"}), "a node that admits it",
              "NodeAffinity|node selector", "label this node"),
        Stuck(_on(node, "host-port", web(ports=[{"containerPort": 80, "hostPort": HOLDER_PORT}])),
              "a node that admits it", "NodePorts", "host port"),
        Stuck(_on(node, "sysctl", _main(), securityContext=sysctl), "a node that admits it", "forbidden sysctl",
              "allowedUnsafeSysctls"),
        Stuck(_on(node, "apparmor", _main(securityContext=apparmor)), "a node that admits it", "AppArmor",
              "load the profile"),
    ]  # fmt: skip


def crashing() -> list[Stuck]:
    hungry = _main("exec tail /dev/zero", resources={"limits": {"memory": "16Mi"}})
    config = {"configMap": {"name": "there"}}
    return [
        Stuck(pod("crash-loop", _main("echo cannot open the database; exit 3")),
              r"its back-off: it crashed \(exit code 3\)",
              'exit code 3.*"cannot open the database"', "kubectl logs --previous", "main", True),
        Stuck(pod("exits", _main("echo done")), "its command ended", "exit code 0", "use a Job", "main", True),
        Stuck(pod("hungry", hungry), "it ran out of memory", "OOMKilled", "memory limit", "main", True),
        Stuck(_mounting("read-only", config, script="echo x >/data/x; exit $?"), "its back-off: it crashed",
              "read-only file system", "may only read", "main", True),
        Stuck(pod("liveness", _main("exec sleep 1000", livenessProbe=_false(failureThreshold=1)),
                  terminationGracePeriodSeconds=0),
              "its back-off: its liveness probe fails", "Liveness probe failed: not yet", "probe", "main", True),
    ]  # fmt: skip


def waiting() -> list[Stuck]:
    side = shell("side", WAIT, restartPolicy="Always", startupProbe=_false(failureThreshold=1000))
    return [
        Stuck(pod("readiness", _main(readinessProbe=_http(81))), "its readiness probe to succeed",
              "Readiness probe failed:.*connection refused", "nothing listens", "main"),
        Stuck(pod("startup", _main(startupProbe=_false(failureThreshold=1000))), "its startup probe to succeed",
              "Startup probe failed: not yet", "probe", "main"),
        Stuck(pod("gate", _main(), readinessGates=[{"conditionType": "example.com/lb"}]),
              "the readiness gate example.com/lb", "nobody has set", "controller that owns"),
        Stuck(pod("init-fails", _main(), initContainers=[shell("first", "echo no schema; exit 2")]),
              "its back-off: it crashed", 'exit code 2.*"no schema"', "kubectl logs --previous", "first", True),
        Stuck(pod("init-waits", _main(), initContainers=[shell("first", f"echo waiting for the database; {WAIT}")]),
              "this init container to end", "waiting for the database", "its log", "first"),
        Stuck(pod("sidecar", _main(), initContainers=[side]), "the sidecar's startup probe to succeed",
              "Startup probe failed: not yet", "probe", "side"),
    ]  # fmt: skip


def leaving() -> list[Stuck]:
    """These are deleted once they run."""
    hook = {"preStop": {"exec": {"command": ["sleep", "10000"]}}}
    deaf = "trap '' TERM; while :; do sleep 1; done"
    memory = {"emptyDir": {"medium": "Memory"}}
    long = {"terminationGracePeriodSeconds": FOREVER}
    return [
        Stuck(pod("pre-stop-hangs", _main(lifecycle=hook), **long),
              f"its preStop hook to end; at the end of its grace period of {FOREVER} s it is killed", "",
              "shorten the hook", "main"),
        Stuck(pod("deaf", _main(deaf), **long), "it to end after its stop signal", "", "ignores its stop signal",
              "main"),
        Stuck(pod("finalizer", _main()) | {"metadata": {"name": "finalizer", "finalizers": ["example.com/keep"]}},
              "its finalizers to be removed", "example.com/keep", "whoever set the finalizers"),
        Stuck(_mounting("busy", memory), "its volumes to be unmounted", "busy", "fuser", retries=True),
    ]  # fmt: skip


def stuck_pods(node: str) -> list[Stuck]:
    return [*references(), *images(), *starting(), *rejected(node), *crashing(), *waiting(), *leaving()]
