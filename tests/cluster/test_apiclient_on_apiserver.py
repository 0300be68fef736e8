"""The API client, reflector, pod source and mirrors against a real API server, with a node's own rights."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec.structs import replace

from conformance import builds
from conformance.cluster import Cluster
from conformance.control_plane import apiserver_flags
from kubelet.api.codec import convert
from kubelet.api.defaults import with_defaults
from kubelet.api.meta import CONFIG_MIRROR
from kubelet.api.types import ConfigMap, Node, NodeStatus, ObjectMeta, Pod
from kubelet.apiclient import (
    JSON_MERGE,
    AlreadyExistsError,
    ApiClient,
    ApiError,
    ConflictError,
    EventType,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
    Reflector,
    UnreachableError,
    paths,
)
from kubelet.sources import ApiServerSource, MirrorClient
from kubelet.sources.manifest import Origin, read_pod

NODE = "api-node"
MAPS = paths.config_map("default")
POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: c, image: localhost/none, resources: {limits: {memory: 64Mi}}}]}
"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def control_plane() -> AsyncIterator[Cluster]:
    """A control plane without a worker."""
    async with Cluster("api-client", node_agent=None, cluster_dns=False) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(control_plane: Cluster) -> AsyncIterator[ApiClient]:
    async with await ApiClient.from_kubeconfig(control_plane.kubeconfig) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(control_plane: Cluster, admin: ApiClient,
               tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApiClient]:
    """A client with the identity of a kubelet, its Node being registered."""
    file = tmp_path_factory.mktemp("node") / "kubelet.conf"
    write_node_kubeconfig(control_plane, admin, file)
    async with await ApiClient.from_kubeconfig(file) as client:
        await client.create(paths.NODES, Node(metadata=ObjectMeta(name=NODE), status=NodeStatus()), Node)
        yield client


def write_node_kubeconfig(cluster: Cluster, admin: ApiClient, file: Path) -> None:
    file.write_text(cluster.control_plane.pki.kubeconfig(admin.access.server, f"system:node:{NODE}", ("system:nodes",)))


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for is on the other side of a network
            await asyncio.sleep(0.02)


async def test_objects_are_made_changed_and_deleted(admin: ApiClient) -> None:
    made = await admin.create(MAPS, ConfigMap(metadata=ObjectMeta(name="a"), data={"k": "v"}), ConfigMap)
    with pytest.raises(AlreadyExistsError):
        await admin.create(MAPS, ConfigMap(metadata=ObjectMeta(name="a")), ConfigMap)
    with pytest.raises(InvalidError, match="a lowercase RFC 1123 subdomain"):
        await admin.create(MAPS, ConfigMap(metadata=ObjectMeta(name="A_")), ConfigMap)
    path = paths.config_map("default", "a")
    patched = await admin.patch(path, {"data": {"k": None, "l": "w"}}, ConfigMap, JSON_MERGE)
    assert patched.data == {"l": "w"}
    assert (await admin.patch(path, {"data": {"m": "x"}}, ConfigMap)).data == {"l": "w", "m": "x"}
    with pytest.raises(ConflictError):
        await admin.replace(path, made, ConfigMap)
    with pytest.raises(ConflictError):
        await admin.delete(path, uid="00000000-0000-0000-0000-000000000000")
    await admin.delete(path, uid=made.metadata.uid, grace_seconds=0)
    with pytest.raises(NotFoundError):
        await admin.get(path, ConfigMap)


async def test_a_watch_tells_what_happens_after_a_list(admin: ApiClient) -> None:
    listing = await admin.list(MAPS, ConfigMap, labelSelector="test=watch")
    async with aclosing(admin.watch(MAPS, ConfigMap, resource_version=listing.resource_version,
                                    labelSelector="test=watch")) as events:
        await admin.create(MAPS, ConfigMap(metadata=ObjectMeta(name="w", labels={"test": "watch"})), ConfigMap)
        await admin.patch(paths.config_map("default", "w"), {"data": {"k": "v"}}, ConfigMap)
        await admin.delete(paths.config_map("default", "w"))
        seen = [await asyncio.wait_for(anext(events), 10) for _ in range(3)]
    assert [event.type for event in seen] == [EventType.ADDED, EventType.MODIFIED, EventType.DELETED]
    assert seen[1].object is not None
    assert seen[1].object.data == {"k": "v"}


async def test_a_watch_ends_when_the_server_says_so(admin: ApiClient) -> None:
    listing = await admin.list(MAPS, ConfigMap)
    async with asyncio.timeout(20):
        events = [event.type async for event in admin.watch(
            MAPS, ConfigMap, resource_version=listing.resource_version, timeoutSeconds="1")]
    assert set(events) <= {EventType.BOOKMARK}


async def test_a_long_list_comes_whole(admin: ApiClient) -> None:
    await asyncio.gather(*(admin.create(MAPS, ConfigMap(metadata=ObjectMeta(name=f"page-{n}", labels={"test": "page"})),
                                        ConfigMap) for n in range(7)))
    listing = await admin.list(MAPS, ConfigMap, labelSelector="test=page", limit="3")
    assert [item.metadata.name for item in listing.items] == [f"page-{n}" for n in range(7)]


async def test_a_node_reads_its_pods_and_shows_its_static_ones(admin: ApiClient, node: ApiClient) -> None:
    uid = (await node.get(paths.node(NODE), Node)).metadata.uid
    mirrors = MirrorClient(node, NODE, lambda: uid)
    static = read_pod(POD.encode(), Origin("/manifests/web.yaml", is_file=True, node_name=NODE)).pod
    sets: list[list[Pod]] = []
    source = ApiServerSource(node, NODE)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(source.run(lambda pods: sets.append(list(pods))))
        await until(lambda: bool(sets))
        assert sets[-1] == []
        assert await mirrors.create(static)
        assert await mirrors.create(static), "a second look finds the mirror as it should be"
        await until(lambda: bool(sets[-1]))
        mirror = sets[-1][0]
        assert mirror.metadata.name == f"web-{NODE}"
        assert mirror.metadata.uid != static.metadata.uid
        assert mirror.metadata.annotations[CONFIG_MIRROR] == static.metadata.uid
        # What the API server stored is what our defaults had made of the manifest.
        assert mirror.spec.containers == static.spec.containers
        assert (mirror.spec.restart_policy, mirror.spec.dns_policy, mirror.spec.security_context,
                mirror.spec.termination_grace_period_seconds, mirror.spec.enable_service_links) == (
            static.spec.restart_policy, static.spec.dns_policy, static.spec.security_context,
            static.spec.termination_grace_period_seconds, static.spec.enable_service_links)
        changed = await node.patch(paths.pod("default", f"web-{NODE}", "status"),
                                   {"metadata": {"uid": mirror.metadata.uid}, "status": {"phase": "Running"}}, Pod)
        assert changed.status.phase == "Running"
        await until(lambda: sets[-1][0].status.phase == "Running")
        assert await mirrors.delete(f"web-{NODE}_default", mirror.metadata.uid)
        await until(lambda: sets[-1] == [])
        assert not await mirrors.delete(f"web-{NODE}_default", mirror.metadata.uid)
        task.cancel()
    with pytest.raises(ForbiddenError):
        await node.list(paths.secret("default"), ConfigMap)


RICH = {
    "metadata": {"name": "rich", "namespace": "default"},
    "spec": {
        "automountServiceAccountToken": False, "schedulerName": "nobody", "hostNetwork": True,
        "resources": {"limits": {"cpu": "4", "memory": "1Gi"}},
        "initContainers": [{"name": "i", "image": "i", "resources": {"requests": {"cpu": "2500m"}}},
                           {"name": "s", "image": "host:5000/s@sha256:" + "0" * 64, "restartPolicy": "Always",
                            "startupProbe": {"tcpSocket": {"port": 1}}}],
        "containers": [
            {"name": "a", "image": "a:1", "ports": [{"containerPort": 80}],
             "resources": {"limits": {"cpu": "1", "memory": "64Mi"}, "requests": {"cpu": "100m"}},
             "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
             "livenessProbe": {"httpGet": {"port": 80}}, "readinessProbe": {"grpc": {"port": 80}, "periodSeconds": 3},
             "lifecycle": {"preStop": {"httpGet": {"port": 80}}, "postStart": {"exec": {"command": ["x"]}}}},
            {"name": "b", "image": "b:latest", "terminationMessagePolicy": "FallbackToLogsOnError",
             "volumeMounts": [{"name": "e", "mountPath": "/e"}]}],
        "volumes": [
            {"name": "e"}, {"name": "h", "hostPath": {"path": "/etc"}}, {"name": "s", "secret": {"secretName": "x"}},
            {"name": "c", "configMap": {"name": "x", "items": [{"key": "k", "path": "p"}]}},
            {"name": "d", "downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {"name": "p", "projected": {"sources": [
                {"serviceAccountToken": {"path": "t"}},
                {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}}]}},
            {"name": "i", "image": {"reference": "x:1"}}],
    },
}


async def test_our_defaults_are_the_api_servers(admin: ApiClient) -> None:
    await until_exists(admin, paths.namespaced("serviceaccounts", "default", "default"))
    stored = await admin.create(paths.pod("default"), RICH, Pod)
    # What admission plugins add is none of the defaults.
    admitted = replace(stored.spec, service_account_name="", service_account="", priority=None, preemption_policy="",
                       tolerations=())
    ours = with_defaults(convert(RICH, Pod)).spec
    for field in ours.__struct_fields__:
        assert getattr(ours, field) == getattr(admitted, field), field


async def until_exists(admin: ApiClient, path: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await admin.get_raw(path)
                return
            except NotFoundError:
                await asyncio.sleep(0.1)


async def test_a_reflector_survives_a_restart_of_the_server(control_plane: Cluster, admin: ApiClient) -> None:
    """Last, since it takes the API server away: the copy stays, and catches up; old versions are gone by then."""

    async def put(name: str) -> ConfigMap:
        meta = ObjectMeta(name=name, labels={"test": "reflector"})
        return await admin.create(MAPS, ConfigMap(metadata=meta), ConfigMap)

    before = (await admin.list(MAPS, ConfigMap)).resource_version
    reflector = Reflector(admin, MAPS, ConfigMap, label_selector="test=reflector")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reflector.run())
        await asyncio.wait_for(reflector.synced.wait(), 10)
        await put("r")
        await until(lambda: reflector.get("default/r") is not None)
        server = control_plane.control_plane.processes["kube-apiserver"]
        server.kill()
        await server.wait(10)
        await until(lambda: reflector.problem != "")
        with pytest.raises(UnreachableError):
            await admin.get(paths.config_map("default", "r"), ConfigMap)
        assert reflector.get("default/r") is not None
        words = [f"--{name}={value}" for name, value in apiserver_flags(control_plane.node).items()]
        control_plane.control_plane.processes["kube-apiserver"] = await control_plane.node.spawn(
            [builds.path("kube-apiserver"), *words], name="kube-apiserver")
        await until_ready(admin)
        await admin.delete(paths.config_map("default", "r"))
        await put("s")
        await until(lambda: reflector.get("default/r") is None and reflector.get("default/s") is not None, 60)
        task.cancel()
    with pytest.raises(GoneError):
        async with asyncio.timeout(20), aclosing(admin.watch(MAPS, ConfigMap, resource_version=before)) as events:
            async for _ in events:
                pass


async def until_ready(admin: ApiClient) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await admin.get_raw("/readyz")
                return
            except ApiError:
                await asyncio.sleep(0.1)
