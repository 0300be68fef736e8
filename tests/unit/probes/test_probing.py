"""Pods in, verdicts out: the kubelet's side of the probes."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from kubelet.api.types import ObjectReference, Pod
from kubelet.probing import ContainerFlags, PodProbes, container_facts, probe_specs
from pleg.state import ContainerID, ContainerStatus, PodRuntimeStatus, RunState, SandboxID, SandboxStatus
from probes import (
    Answer,
    BrokenHandler,
    ExecHandler,
    GrpcHandler,
    HttpHandler,
    Outcome,
    ProbeKind,
    ProbeSpec,
    Target,
    TcpHandler,
)


def pod(*containers: dict[str, Any], **spec: Any) -> Pod:
    return msgspec.convert({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "uid": "u1"},
        "spec": {"containers": list(containers), **spec},
    }, Pod)


def runtime(state: RunState = RunState.RUNNING, ips: tuple[str, ...] = ("10.0.0.7",)) -> PodRuntimeStatus:
    return PodRuntimeStatus(
        "u1", "web", "shop", (SandboxStatus(SandboxID("s1"), 0, True, 1, ips),),
        (ContainerStatus(ContainerID("id1"), "app", SandboxID("s1"), state, 1, started_at=5_000_000_000),),
    )


APP = {"name": "app", "image": "x", "ports": [{"name": "http", "containerPort": 8080}],
       "env": [{"name": "FILE", "value": "/ok"}]}


@pytest.mark.parametrize(("probe", "handler"), [
    ({"exec": {"command": ["cat", "$(FILE)", "$(OTHER)"]}}, ExecHandler(("cat", "/ok", "$(OTHER)"))),
    ({"httpGet": {"port": "http"}}, HttpHandler(8080)),
    ({"httpGet": {"port": "9090", "path": "/x", "scheme": "HTTPS", "host": "h",
                  "httpHeaders": [{"name": "A", "value": "b"}]}},
     HttpHandler(9090, "/x", "https", "h", (("A", "b"),))),
    ({"tcpSocket": {"port": 6379}}, TcpHandler(6379)),
    ({"grpc": {"port": 50, "service": "s"}}, GrpcHandler(50, "s")),
    ({"tcpSocket": {"port": "nope"}}, BrokenHandler("port nope not found: container app names no such port")),
    ({"tcpSocket": {"port": 70000}}, BrokenHandler("invalid port number: 70000")),
    ({}, BrokenHandler("missing probe handler for container app")),
])
def test_handlers(probe: dict[str, Any], handler: object) -> None:
    container = pod(APP | {"livenessProbe": probe}).spec.containers[0]
    assert probe_specs(container) == (ProbeSpec(ProbeKind.LIVENESS, handler),)  # type: ignore[arg-type]


def test_times_and_thresholds() -> None:
    times = {"initialDelaySeconds": 3, "periodSeconds": 4, "timeoutSeconds": 5, "successThreshold": 6,
             "failureThreshold": 7}
    container = pod(APP | {"startupProbe": {"exec": {"command": ["x"]}, **times}}).spec.containers[0]
    assert probe_specs(container) == (ProbeSpec(ProbeKind.STARTUP, ExecHandler(("x",)), 3, 4, 5, 6, 7),)


def test_facts() -> None:
    plain, host = pod(APP), pod(APP, hostNetwork=True)
    assert container_facts(plain, runtime(), "app").pod_ip == "10.0.0.7"
    assert container_facts(host, runtime(ips=()), "app", "192.0.2.1").pod_ip == "192.0.2.1"
    assert container_facts(plain, runtime(), "app").started_at == 5.0
    assert container_facts(plain, runtime(RunState.CREATED), "app").container_id == ""
    assert container_facts(plain, runtime(), "other").container_id == ""


def test_facts_of_before_come_from_the_status_of_the_same_container() -> None:
    status = {"containerStatuses": [{
        "name": "app", "containerID": "docker://id1", "image": "x", "imageID": "", "ready": True, "started": True,
        "restartCount": 0,
    }]}
    known = msgspec.convert(msgspec.to_builtins(pod(APP)) | {"status": status}, Pod)
    assert container_facts(known, runtime(), "app").was_ready is True
    status["containerStatuses"][0]["containerID"] = "docker://id0"
    other = msgspec.convert(msgspec.to_builtins(pod(APP)) | {"status": status}, Pod)
    assert container_facts(other, runtime(), "app").was_ready is None


class Recorder:
    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, str]] = []

    def event(
        self, ref: ObjectReference, kind: str, reason: str, message: str,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        self.events.append((ref.field_path, kind, reason, message))


class NoRuntime:
    async def ExecSync(self, request: Any, /) -> Any:
        raise AssertionError("no command is run here")


@pytest.mark.looptime
async def test_a_pod_from_start_to_end() -> None:
    recorder, healthy, seen = Recorder(), False, list[tuple[str, str, str]]()

    async def attempt(spec: ProbeSpec, target: Target) -> Answer:
        assert target == Target("id1", "10.0.0.7")
        return Answer(Outcome.SUCCESS) if healthy else Answer(Outcome.FAILURE, "no")

    probes = PodProbes(
        NoRuntime(), recorder, attempt=attempt,
        observe_attempt=lambda pod, name, kind, result, _: seen.append((pod.metadata.name, kind.value, result)),
    )
    task = asyncio.get_running_loop().create_task(probes.run())
    web = pod(
        APP | {"readinessProbe": {"httpGet": {"port": "http"}, "initialDelaySeconds": 1}},
        {"name": "plain", "image": "x"},
    )
    probes.update(web, PodRuntimeStatus("u1", "web", "shop"))
    assert probes.flags("u1") == {"app": ContainerFlags(started=False, ready=False)}
    probes.update(web, runtime())
    await asyncio.sleep(9)
    assert probes.flags("u1") == {"app": ContainerFlags(started=True, ready=False)}
    assert recorder.events == [("spec.containers{app}", "Warning", "Unhealthy", "Readiness probe failed: no")]
    healthy = True
    result = await probes.results.get()
    assert (result.uid, result.container, result.kind) == ("u1", "app", ProbeKind.READINESS)
    assert probes.flags("u1")["app"].ready
    assert (probes.liveness("id1"), probes.startup("id1")) == (None, None)
    assert seen[0] == ("web", "Readiness", "failed")
    probes.stop_liveness_and_startup("u1")
    assert probes.flags("u1")["app"].ready
    probes.remove_pod("u1")
    assert probes.flags("u1") == {}
    assert probes.manager.worker_count() == 0
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
