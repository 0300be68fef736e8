"""Every endpoint of the contract's table over real HTTP: parameters, status codes and bodies."""

import asyncio
import json
import logging
import re

import aiohttp
import pytest
from msgspec.structs import replace

from cri.errors import UnimplementedError
from cri.logformat import encode_line
from kubelet.api.types import ContainerState, ContainerStateWaiting, ContainerStatus, PodStatus
from kubelet.metrics import KubeletMetrics
from kubelet.server import profiles
from kubelet.server.authorization import AlwaysDeny
from kubelet.server.container_logs import NoLogError, container_to_read

EVERYWHERE = ["/healthz", "/pods", "/stats/summary", "/metrics", "/metrics/cadvisor", "/metrics/resource",
              "/metrics/probes", "/metrics/slis"]


async def test_healthz_ok_verbose_excluded_and_failing(serving, node):
    async with serving(node) as up:
        assert await up.ask("/healthz") == (200, "ok")
        assert await up.ask("/healthz?verbose") == (
            200, "[+]ping ok\n[+]log ok\n[+]syncloop ok\nhealthz check passed\n")
        assert await up.ask("/healthz/syncloop") == (200, "ok")
        assert (await up.ask("/healthz/unknown"))[0] == 404
        node.errors["syncloop"] = "stuck"
        assert await up.ask("/healthz") == (
            500, "[+]ping ok\n[+]log ok\n[-]syncloop failed: reason withheld\nhealthz check failed\n")
        assert await up.ask("/healthz/syncloop") == (500, "internal server error: stuck\n")
        assert await up.ask("/healthz?exclude=syncloop") == (200, "ok")
        status, text = await up.ask("/healthz?exclude=syncloop&exclude=x&verbose")
        assert status == 200 and "[+]syncloop excluded: ok" in text
        assert 'warn: some health checks cannot be excluded: no matches for "x"' in text


async def test_no_answer_names_the_library_behind_it(serving):
    async with serving() as up:
        for path in ("/healthz", "/unknown", "/pods", "/logs/"):
            async with up.session.get(up.url(path)) as response:
                assert "Server" not in response.headers


async def test_pods_are_a_v1_list_of_spec_and_status(serving, node):
    async with serving(node) as up:
        for path in ("/pods", "/pods/", "/runningpods/"):
            status, text = await up.ask(path)
            listed = json.loads(text)
            assert (status, listed["kind"], listed["apiVersion"]) == (200, "PodList", "v1")
            (item,) = listed["items"]
            assert "kind" not in item and item["metadata"]["name"] == "web"
            assert item["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] == "2026-01-01T00:00:05Z"
        async with up.session.get(up.url("/pods")) as response:
            assert response.content_type == "application/json"
        node.all = []
        assert json.loads((await up.ask("/pods"))[1])["items"] == []


@pytest.mark.parametrize(("path", "method", "allow"), [
    ("/pods", "POST", "GET"), ("/containerLogs/default/web/c", "POST", "GET"), ("/run/default/web/c", "GET", "POST"),
    ("/checkpoint/default/web/c", "GET", "POST"), ("/exec/default/web/c", "PUT", "GET, POST"),
    ("/stats/summary", "DELETE", "GET, POST"),
])
async def test_wrong_methods(serving, path, method, allow):
    async with serving() as up, up.session.request(method, up.url(path)) as response:
        assert (response.status, await response.text()) == (405, "405: Method Not Allowed")
        assert response.headers["Allow"] == allow


@pytest.mark.parametrize("path", ["/", "/unknown", "/spec/", "/pods/web", "/metrics/../pods", "//pods", "/exec/a/b"])
async def test_unknown_paths(serving, path):
    async with serving() as up:
        assert await up.ask(path) == (404, "404: Page Not Found")


async def test_forbidden_says_what_was_missing(serving):
    async with serving(authorizer=AlwaysDeny()) as up:
        assert await up.ask("/pods") == (
            403, "Forbidden (user=system:anonymous, verb=get, resource=nodes, subresource(s)=[pods proxy])\n")
        assert (await up.ask("/unknown"))[0] == 403
        status, text = await up.ask("/run/default/web/c?cmd=ls", "POST")
        assert (status, "verb=create" in text) == (403, True)


async def test_debugging_handlers_off(serving):
    async with serving(enable_debugging_handlers=False) as up:
        for path in EVERYWHERE:
            assert (await up.ask(path))[0] == 200, path
        for path in ("/run/a/b/c", "/exec/a/b/c", "/attach/a/b/c", "/portForward/a/b", "/containerLogs/a/b/c",
                     "/runningpods/", "/debug/pprof/", "/logs/"):
            for method in ("GET", "POST"):
                assert await up.ask(path, method) == (405, "Debug endpoints are disabled.\n"), path
        for path in ("/configz", "/flagz", "/statusz", "/debug/flags/v", "/checkpoint/a/b/c"):
            assert (await up.ask(path))[0] == 404, path


async def test_single_handlers_off(serving):
    async with serving(enable_profiling_handler=False, enable_debug_flags_handler=False,
                       enable_system_log_handler=False) as up:
        assert await up.ask("/debug/pprof/profile") == (405, "profiling endpoint is disabled.\n")
        assert await up.ask("/debug/flags/v", "PUT", data="4") == (405, "flags endpoint is disabled.\n")
        assert await up.ask("/logs/") == (405, "logs endpoint is disabled.\n")


async def test_read_only_server_has_no_door_and_little_behind_it(serving, unused_port):
    async with serving(authorizer=AlwaysDeny(), read_only_port=unused_port) as up:
        for path in EVERYWHERE:
            assert (await up.ask(path, server="readonly"))[0] == 200, path
        for path in ("/exec/a/b/c", "/run/a/b/c", "/containerLogs/a/b/c", "/runningpods/", "/logs/", "/debug/pprof/"):
            assert await up.ask(path, server="readonly") == (405, "Debug endpoints are disabled.\n"), path
        for path in ("/configz", "/debug/flags/v", "/flagz", "/statusz", "/checkpoint/a/b/c", "/unknown"):
            assert (await up.ask(path, "PUT", server="readonly"))[0] == 404, path


async def test_healthz_server_answers_that_it_lives(serving, node, unused_port):
    node.errors["syncloop"] = "stuck"
    async with serving(node, authorizer=AlwaysDeny(), healthz_port=unused_port) as up:
        assert await up.ask("/healthz", server="healthz") == (200, "ok")
        assert (await up.ask("/pods", server="healthz"))[0] == 404


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_a_taken_port_is_named(serving, unused_port):
    async with serving(healthz_port=unused_port):
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(5), serving(healthz_port=unused_port):
                pass
    assert f"127.0.0.1:{unused_port}" in str(caught.value.exceptions[0])


async def test_metrics_count_requests_by_bounded_labels(serving):
    metrics = KubeletMetrics("node-1")
    async with serving(metrics=metrics) as up:
        await up.ask("/pods")
        await up.ask("/" + "x" * 100)
        _, text = await up.ask("/metrics")
        async with up.session.get(up.url("/metrics")) as response:
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = text.splitlines()
    for name, path in (("requests_total", "pods"), ("requests_total", "other"), ("inflight_requests", "metrics")):
        labels = f'long_running="false",method="GET",path="{path}",server_type="readwrite"'
        assert f"kubelet_http_{name}{{{labels}}} 1" in lines
    assert 'kubelet_node_name{node="node-1"} 1' in lines


async def test_resource_metrics_are_what_metrics_server_reads(serving, runtime):
    async with serving(runtime=runtime) as up:
        lines = (await up.ask("/metrics/resource"))[1].splitlines()
        labels = 'container="c",namespace="default",pod="web"'
        assert f"container_cpu_usage_seconds_total{{{labels}}} 5 1767225700000" in lines
        assert f"container_memory_working_set_bytes{{{labels}}} 1048576 1767225700000" in lines
        assert f"container_start_time_seconds{{{labels}}} 1767225605" in lines
        assert 'pod_cpu_usage_seconds_total{namespace="default",pod="web"} 5 1767225700000' in lines
        assert "# TYPE node_cpu_usage_seconds_total counter" in lines
        assert [line for line in lines if line.startswith("node_memory_working_set_bytes ")]
        assert "resource_scrape_error 0" in lines
        runtime.failure = UnimplementedError("no stats")
        status, text = await up.ask("/metrics/resource")
        assert status == 200 and "resource_scrape_error 1" in text.splitlines() and "pod_cpu" not in text


async def test_cadvisor_metrics_from_the_cri(serving, runtime):
    async with serving(runtime=runtime) as up:
        lines = (await up.ask("/metrics/cadvisor"))[1].splitlines()
        labels = 'container="c",cpu="total",id="",image="example/web:1",name="c1",namespace="default",pod="web"'
        assert f"container_cpu_usage_seconds_total{{{labels}}} 5 1767225700000" in lines
        (received,) = [line for line in lines if line.startswith("container_network_receive_bytes_total{")]
        assert 'interface="eth0"' in received and received.endswith("} 10 1767225700000")
        assert "machine_scrape_error 0" in lines
        runtime.failure = UnimplementedError("no stats")
        assert "machine_scrape_error 1" in (await up.ask("/metrics/cadvisor"))[1].splitlines()


async def test_summary(serving, runtime):
    async with serving(runtime=runtime) as up:
        summary = json.loads((await up.ask("/stats/summary"))[1])
        node, (pod,) = summary["node"], summary["pods"]
        assert node["nodeName"] == "node-1" and node["cpu"]["usageCoreNanoSeconds"] > 0
        assert node["memory"]["workingSetBytes"] > 0 and node["fs"]["capacityBytes"] > 0
        assert node["runtime"]["imageFs"]["usedBytes"] == 7 and node["rlimit"]["curproc"] > 0
        assert pod["podRef"] == {"name": "web", "namespace": "default", "uid": "u1"}
        assert pod["startTime"] == "2026-01-01T00:00:00Z"
        assert pod["network"]["rxBytes"] == 10 and pod["ephemeral-storage"]["usedBytes"] == 4096
        (container,) = pod["containers"]
        assert container["startTime"] == "2026-01-01T00:00:05Z" and container["rootfs"]["inodesUsed"] == 3
        assert container["cpu"] == {"time": "2026-01-01T00:01:40Z", "usageNanoCores": 250_000_000,
                                    "usageCoreNanoSeconds": 5 * 10**9}
        for options in ({"path": "/stats/summary?only_cpu_and_memory=true"},
                        {"path": "/stats/summary", "method": "POST", "data": {"only_cpu_and_memory": "true"}}):
            small = json.loads((await up.ask(**options))[1])
            assert "fs" not in small["node"] and "network" not in small["pods"][0]
            assert "cpu" in small["node"] and "memory" in small["pods"][0]["containers"][0]
        runtime.failure = UnimplementedError("no stats")
        status, text = await up.ask("/stats/summary")
        assert status == 500 and text.startswith("Internal Error: ")


def write_log(node, tmp_path, count: int = 3, container_id: str = "c1"):
    path = tmp_path / f"{container_id}.log"
    path.write_bytes(b"".join(
        encode_line((number + 1) * 10**9, ("stdout", "stderr")[number % 2], b"line %d" % number, False)
        for number in range(count)))
    node.logs[container_id] = path
    return path


@pytest.mark.parametrize(("query", "body"), [
    ("", "line 0\nline 1\nline 2\n"), ("tailLines=1", "line 2\n"), ("tail=2", "line 1\nline 2\n"),
    ("tail=all", "line 0\nline 1\nline 2\n"), ("tailLines=0", ""), ("limitBytes=9", "line 0\nli"),
    ("sinceSeconds=1", "line 2\n"), ("sinceTime=1970-01-01T00:00:02Z", "line 1\nline 2\n"),
    ("timestamps=true&tailLines=1", "1970-01-01T00:00:03.000000000Z line 2\n"),
    ("stream=All", "line 0\nline 1\nline 2\n"), ("previous=true", "line 0\n"),
])
async def test_container_logs(serving, node, tmp_path, query, body):
    write_log(node, tmp_path)
    write_log(node, tmp_path, 1, "c0")
    async with serving(node, now=lambda: 4.0) as up:
        assert await up.ask(f"/containerLogs/default/web/c?{query}") == (200, body)


async def test_container_logs_are_chunked_text(serving, node, tmp_path):
    write_log(node, tmp_path)
    async with serving(node) as up, up.session.get(up.url("/containerLogs/default/web/c")) as response:
        assert response.headers["Transfer-Encoding"] == "chunked" and response.content_type == "text/plain"


@pytest.mark.parametrize(("path", "status", "text"), [
    ("default/web/c?tailLines=x", 400, '{"message": "Unable to decode query."}'),
    ("default/web/c?tailLines=-1", 422, '{"message": "Invalid request."}'),
    ("default/web/c?sinceSeconds=1&sinceTime=1970-01-01T00:00:00Z", 422, '{"message": "Invalid request."}'),
    ("default/other/c", 404, 'pod "other" does not exist'),
    ("other/web/c", 404, 'pod "web" does not exist'),
    ("default/web/d", 404, 'container "d" not found in pod "web"'),
    ("default/web/c?stream=Stdout", 400, 'unable to return the given log stream: "Stdout". Please enable '
                                         "PodLogsQuerySplitStreams feature gate in kubelet"),
    ("default/web/c?previous=1", 400, "unable to retrieve container logs for c0: the runtime does not know it"),
])
async def test_container_logs_that_cannot_be_had(serving, node, tmp_path, path, status, text):
    write_log(node, tmp_path)
    async with serving(node) as up:
        assert await up.ask(f"/containerLogs/{path}") == (status, text)


async def test_a_missing_log_file_is_an_error_and_not_an_empty_log(serving, node, tmp_path):
    node.logs["c1"] = tmp_path / "absent.log"
    async with serving(node) as up:
        status, text = await up.ask("/containerLogs/default/web/c")
        assert status == 400 and "absent.log" in text


async def test_one_stream_where_the_gate_is_on(serving, node, tmp_path):
    write_log(node, tmp_path)
    async with serving(node, split_log_streams=True) as up:
        assert await up.ask("/containerLogs/default/web/c?stream=Stderr") == (200, "line 1\n")


async def test_following_shows_lines_as_they_come_and_ends_with_the_container(serving, node, tmp_path):
    path = write_log(node, tmp_path, 1)
    async with serving(node) as up, up.session.get(up.url("/containerLogs/default/web/c?follow=true")) as response:
        assert await response.content.readline() == b"line 0\n"
        with path.open("ab") as log:
            log.write(encode_line(1, "stdout", b"more", False))
        assert await response.content.readline() == b"more\n"
        node.running.clear()
        assert await response.content.read() == b""


async def test_a_follower_that_hangs_up_leaves_nothing(serving, node, tmp_path):
    write_log(node, tmp_path, 1)
    metrics = KubeletMetrics()
    inflight = ("GET", "containerLogs", "readwrite", "false")
    async with serving(node, metrics=metrics) as up:
        async with aiohttp.ClientSession() as session:
            response = await session.get(up.url("/containerLogs/default/web/c?follow=true"))
            await response.content.readline()
            assert metrics.http_inflight_requests.labels(*inflight)._value.get() == 1
            response.close()
        async with asyncio.timeout(5):
            while metrics.http_inflight_requests.labels(*inflight)._value.get():  # noqa: ASYNC110 - a gauge has no event
                await asyncio.sleep(0.01)


def status_of(**state) -> PodStatus:
    return PodStatus(container_statuses=(ContainerStatus(
        name="c", image="", image_id="", ready=False, restart_count=0, **state),))


@pytest.mark.parametrize(("status", "said"), [
    (PodStatus(), 'container "c" in pod "web" is not available'),
    (status_of(), 'container "c" in pod "web" is waiting to start - no logs yet'),
    *((status_of(state=ContainerState(waiting=ContainerStateWaiting(reason=reason))),
       f'container "c" in pod "web" is waiting to start: {text}') for reason, text in (
        ("ErrImagePull", "image can't be pulled"), ("ImagePullBackOff", "trying and failing to pull image"),
        ("ContainerCreating", "ContainerCreating"))),
])
def test_containers_without_a_log(node, status, said):
    pod = replace(node.all[0], status=status)
    with pytest.raises(NoLogError) as caught:
        container_to_read(pod, "c", previous=False)
    assert str(caught.value) == said
    with pytest.raises(NoLogError, match=r"not (found|available)"):
        container_to_read(pod, "c", previous=True)


def test_container_instances(node):
    assert container_to_read(node.all[0], "c", previous=False) == "c1"
    assert container_to_read(node.all[0], "c", previous=True) == "c0"
    crashed = replace(node.all[0].status.container_statuses[0],
                      state=ContainerState(waiting=ContainerStateWaiting(reason="CrashLoopBackOff")))
    pod = replace(node.all[0], status=PodStatus(container_statuses=(crashed,)))
    assert container_to_read(pod, "c", previous=False) == "c0"


async def test_run_gives_the_combined_output(serving, runtime):
    async with serving(runtime=runtime) as up:
        assert await up.ask("/run/default/web/c?cmd=echo%20a%20b", "POST") == (200, "echo a b!")
        assert await up.ask("/run/default/web/u1/c?cmd=x", "POST") == (200, "x!")
        assert runtime.commands == [["echo", "a", "b"], ["x"]]
        assert await up.ask("/run/default/web/other/c?cmd=x", "POST") == (404, "pod does not exist")
        assert await up.ask("/run/default/none/c?cmd=x", "POST") == (404, "pod does not exist")
        assert (await up.ask("/run/default/web/d?cmd=x", "POST"))[0] == 500
        runtime.exit_code = 3
        status, text = await up.ask("/run/default/web/c?cmd=x", "POST")
        assert status == 500 and "exited with 3" in text


async def test_streams_without_a_runtime_say_so(serving):
    async with serving() as up:
        for path in ("/exec/default/web/c?command=x&output=1", "/attach/default/web/c?output=1",
                     "/portForward/default/web"):
            assert await up.ask(path, "POST") == (500, "no container runtime is connected")


async def test_checkpoint_asks_the_runtime_and_answers_where_it_is(serving, runtime, tmp_path):
    async with serving(runtime=runtime, checkpoints=tmp_path / "checkpoints") as up:
        status, text = await up.ask("/checkpoint/default/web/c?timeout=1&timeout=500", "POST")
        (location,) = json.loads(text)["items"]
        stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)"
        expected = rf"{tmp_path}/checkpoints/checkpoint-web_default-c-{stamp}\.tar"
        assert status == 200 and re.fullmatch(expected, location)
        assert (tmp_path / "checkpoints").stat().st_mode & 0o777 == 0o700
        await up.ask("/checkpoint/default/web/c?timeout=5", "POST")
        asked = [(one.container_id, one.location == location, one.timeout) for one in runtime.checkpoints]
        assert asked == [("c1", True, 500), ("c1", runtime.checkpoints[1].location == location, 120)]
        assert await up.ask("/checkpoint/default/web/d", "POST") == (404, "container d does not exist")
        assert await up.ask("/checkpoint/default/web/c?timeout=x", "POST") == (
            404, "cannot parse value of timeout parameter")
        assert (await up.ask("/checkpoint/default/web/c?timeout=-1", "POST"))[0] == 500
        runtime.failure = UnimplementedError("needs CRIU")
        assert await up.ask("/checkpoint/default/web/c", "POST") == (
            500, "checkpointing of default/web/c failed (needs CRIU)")



async def test_node_logs_list_and_show_and_stay_inside(serving, tmp_path):
    root, secret = tmp_path / "log", tmp_path / "secret"
    (root / "pods").mkdir(parents=True)
    secret.write_text("secret")
    (root / "pods" / "0.log").write_text("hello\n")
    (root / "a<b>.log").write_text("x")
    (root / "inside.log").symlink_to(root / "pods" / "0.log")
    (root / "outside.log").symlink_to(secret)
    (root / "up").symlink_to("..")
    (root / "circle").symlink_to(root / "circle")
    async with serving(log_root=root) as up:
        status, text = await up.ask("/logs/")
        assert status == 200 and '<a href="pods/">pods/</a>' in text and "a&lt;b&gt;.log" in text
        assert await up.ask("/logs/pods/0.log") == (200, "hello\n")
        assert await up.ask("/logs/inside.log") == (200, "hello\n")
        for path in ("absent", "outside.log", "up/secret", "../secret", "..%2fsecret", "%2e%2e/secret", "circle",
                     "pods/0.log/x", "a%00b"):
            assert (await up.ask(f"/logs/{path}"))[0] == 404, path


async def test_configz_flagz_statusz(serving):
    async with serving() as up:
        assert json.loads((await up.ask("/configz"))[1])["kubeletconfig"]["kind"] == "KubeletConfiguration"
        status, text = await up.ask("/flagz")
        assert status == 200 and "root-dir=/var/lib/kubelet" in text.splitlines()
        status, text = await up.ask("/statusz")
        assert status == 200 and "Binary version: 1.36.3" in text.splitlines()


async def test_verbosity(serving):
    before = logging.getLogger().level
    try:
        async with serving() as up:
            assert await up.ask("/debug/flags/v", "PUT", data="5") == (
                200, "successfully set klog.logging.verbosity to 5")
            assert logging.getLogger().level == logging.DEBUG
            assert (await up.ask("/debug/flags/v", "PUT", data="2"))[0] == 200
            assert logging.getLogger().level == logging.INFO
            assert (await up.ask("/debug/flags/v", "PUT", data="much"))[0] == 400
            assert await up.ask("/debug/flags/v") == (406, "unsupported http method")
    finally:
        logging.getLogger().setLevel(before)


async def test_profiles(serving):
    async with serving() as up:
        assert "goroutine" in (await up.ask("/debug/pprof/"))[1]
        assert "task " in (await up.ask("/debug/pprof/goroutine"))[1]
        assert "function calls" in (await up.ask("/debug/pprof/profile?seconds=0.02"))[1]
        assert (await up.ask("/debug/pprof/cmdline"))[0] == 200
        assert await up.ask("/debug/pprof/symbol", "POST") == (200, "num_symbols: 0\n")
        status, text = await up.ask("/debug/pprof/heap")
        assert status == 200 and re.search(r"^ +\d+  builtins\.\w+$", text, re.MULTILINE)
        assert (await up.ask("/debug/pprof/block"))[0] == 404
        status, text = await up.ask("/debug/pprof/trace?seconds=0.1")
        assert status == 200
        assert all(re.fullmatch(r"\S[^\n]* \d+", line) and ";" in line for line in text.splitlines())
        assert "asyncio.base_events.run_forever;" in text


async def test_one_profile_at_a_time(serving):
    async with serving() as up, asyncio.TaskGroup() as group:
        first = group.create_task(up.ask("/debug/pprof/trace?seconds=0.3"))
        while not profiles._profiling.locked():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        assert await up.ask("/debug/pprof/profile?seconds=0.3") == (200, "another profile is being taken\n")
        assert (await first)[0] == 200


async def test_health_checks_are_counted_as_they_are_asked_for(serving, node):
    async with serving(node) as up:
        await up.ask("/healthz")
        node.errors["syncloop"] = "slow"
        await up.ask("/healthz/syncloop")
        await up.ask("/healthz/unknown")
        _, text = await up.ask("/metrics/slis")
    assert 'kubernetes_healthcheck{name="ping",type="healthz"} 1' in text
    assert 'kubernetes_healthcheck{name="syncloop",type="healthz"} 0' in text
    assert 'kubernetes_healthchecks_total{name="syncloop",status="error",type="healthz"} 1' in text
    assert 'kubernetes_healthchecks_total{name="syncloop",status="success",type="healthz"} 1' in text
    assert "# TYPE kubernetes_healthchecks_total counter" in text
    assert "unknown" not in text


async def test_a_defect_in_a_handler_is_a_500_without_its_words(serving, node, caplog):
    def broken():
        raise RuntimeError("secret detail")

    node.checks = broken
    async with serving(node) as up:
        assert await up.ask("/healthz") == (500, "Internal Server Error")
        assert (await up.ask("/pods"))[0] == 200
    assert "secret detail" in caplog.text


async def test_headers_beyond_the_limit_are_refused_and_big_ones_are_not(serving):
    async with serving() as up:
        assert (await up.ask("/pods", headers={"X-Big": "x" * 100_000}))[0] == 200
        status, _ = await up.ask("/pods", headers={"X-Big": "x" * 1_200_000})
        assert status in (400, 431)


async def talk(up, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", up.server.bound_ports["main"])
    writer.write(data)
    async with asyncio.timeout(20):
        answer = await reader.read(4096)
    writer.close()
    return answer


@pytest.mark.parametrize(("headers", "body", "status"), [
    (b"Content-Length: 1", b"4", b"200"), (b"Content-Length: 2\r\nContent-Type: x; charset=nothing", b"\xff4", b"400"),
    (b"Content-Length: 1048577", b"4" * 1_048_577, b"413"), (b"Transfer-Encoding: chunked", b"zzz\r\n\r\n", b"400"),
    (b"Transfer-Encoding: chunked", b"1\r\n4\r\n0\r\n\r\n", b"200"), (b"Content-Length: -1", b"", b"400"),
])
async def test_bodies_have_a_bound_and_may_be_broken(serving, caplog, headers, body, status):
    async with serving() as up:
        answer = await talk(up, b"PUT /debug/flags/v HTTP/1.1\r\nHost: n\r\n" + headers + b"\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 " + status) or answer.startswith(b"HTTP/1.0 " + status)
    assert "could not be answered" not in caplog.text


async def test_a_client_that_dawdles_holds_up_nobody(serving):
    async with serving() as up:
        port = up.server.bound_ports["main"]
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        for _, writer in slow:
            writer.write(b"GET /healthz HTTP/1.1\r\nHo")
        assert (await up.ask("/healthz"))[0] == 200
        for _, writer in slow:
            writer.write(b"st: n\r\nConnection: close\r\n\r\n")
        for reader, writer in slow:
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
            writer.close()
