"""Objects that pods refer to: followed while referred to, waited for, reported when they change. Time is virtual."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kubelet.api.codec import convert
from kubelet.api.meta import PodUID
from kubelet.api.types import ConfigMap, ObjectMeta, Pod, RuntimeClass, Secret, Service
from kubelet.apiclient import EventType, ForbiddenError, Listing, UnreachableError, WatchEvent
from kubelet.objects import (
    MissingObjectError,
    ObjectError,
    ObjectKey,
    ObjectKind,
    ObjectManager,
    RuntimeClasses,
    Services,
    StandaloneError,
    references_of,
    service_env,
)

pytestmark = pytest.mark.looptime


class Api:
    """A small API server: objects by path and name, watches that are fed by `put`."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Any] = {}
        self.watches: dict[tuple[str, str], list[asyncio.Queue[WatchEvent[Any]]]] = {}
        self.error: Exception | None = None
        self.version = 0

    def _names(self, params: dict[str, str]) -> str:
        return params.get("fieldSelector", "").removeprefix("metadata.name=")

    async def newest_version(self, path: str, **params: str) -> str:
        return str(self.version)

    async def list(self, path: str, cls: type[Any], **params: str) -> Listing[Any]:
        await asyncio.sleep(0.01)
        if self.error is not None:
            raise self.error
        name = self._names(params)
        found = tuple(item for (where, each), item in self.objects.items() if where == path and name in ("", each))
        return Listing(found, str(self.version))

    async def watch(
        self, path: str, cls: type[Any], *, resource_version: str, **params: str
    ) -> AsyncIterator[WatchEvent[Any]]:
        queue: asyncio.Queue[WatchEvent[Any]] = asyncio.Queue()
        queues = self.watches.setdefault((path, self._names(params)), [])
        queues.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            queues.remove(queue)

    def put(self, cls: type[Any], namespace: str, name: str, **fields: Any) -> None:
        self.version += 1
        kind = {ConfigMap: "configmaps", Secret: "secrets"}[cls]
        path = f"/api/v1/namespaces/{namespace}/{kind}"
        item = cls(metadata=ObjectMeta(name=name, namespace=namespace, resource_version=str(self.version)), **fields)
        event = EventType.MODIFIED if (path, name) in self.objects else EventType.ADDED
        self.objects[path, name] = item
        for queue in self.watches.get((path, name), []):
            queue.put_nowait(WatchEvent(event, item, str(self.version)))

    def open_watches(self) -> set[str]:
        return {name for (_, name), queues in self.watches.items() if queues}


def make_pod(uid: str = "u", *config_maps: str, **spec: Any) -> Pod:
    volumes = [{"name": name, "configMap": {"name": name}} for name in config_maps]
    return convert({"metadata": {"name": "p", "namespace": "n", "uid": uid}, "spec": {"volumes": volumes, **spec}}, Pod)


@asynccontextmanager
async def running(manager: Any) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(manager.run())
        try:
            yield
        finally:
            task.cancel()


def test_references() -> None:
    pod = convert(
        {
            "metadata": {"namespace": "n"},
            "spec": {
                "imagePullSecrets": [{"name": "pull"}],
                "volumes": [
                    {"name": "a", "configMap": {"name": "cm"}},
                    {"name": "b", "secret": {"secretName": "sec"}},
                    {
                        "name": "c",
                        "projected": {"sources": [{"configMap": {"name": "pcm"}}, {"secret": {"name": "psec"}}]},
                    },
                ],
                "initContainers": [
                    {"name": "i", "envFrom": [{"configMapRef": {"name": "ecm"}}, {"secretRef": {"name": "esec"}}]}
                ],
                "ephemeralContainers": [
                    {
                        "name": "e",
                        "env": [
                            {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "kcm", "key": "k"}}},
                            {"name": "Y", "valueFrom": {"secretKeyRef": {"name": "ksec", "key": "k"}}},
                            {"name": "Z", "value": "v"},
                        ],
                    }
                ],
            },
        },
        Pod,
    )
    assert references_of(pod) == {
        *(ObjectKey(ObjectKind.SECRET, "n", name) for name in ("pull", "sec", "psec", "esec", "ksec")),
        *(ObjectKey(ObjectKind.CONFIG_MAP, "n", name) for name in ("cm", "pcm", "ecm", "kcm")),
    }


async def test_an_object_is_followed_while_a_pod_refers_to_it() -> None:
    api, changes = Api(), []
    api.put(ConfigMap, "n", "one", data={"k": "1"})
    manager = ObjectManager(api, changes.append)
    manager.register_pod(make_pod("early", "one"))  # before run
    async with running(manager):
        assert (await manager.get_config_map("n", "one")).data == {"k": "1"}
        manager.register_pod(make_pod("u", "one", "two"))
        manager.register_pod(make_pod("u", "one", "two"))
        with pytest.raises(MissingObjectError, match=r'^configmap "two" not found$'):
            await manager.get_config_map("n", "two")
        await asyncio.sleep(1)
        assert changes == [] and api.open_watches() == {"one", "two"}
        api.put(ConfigMap, "n", "two", data={})
        api.put(ConfigMap, "n", "one", data={"k": "2"})
        await asyncio.sleep(1)
        assert changes == [{PodUID("u")}, {PodUID("early"), PodUID("u")}]
        assert (await manager.get_config_map("n", "one")).data == {"k": "2"}
        manager.register_pod(make_pod("u", "one"))  # an update that no longer refers to it
        manager.unregister_pod(make_pod("early"))
        await asyncio.sleep(1)
        assert api.open_watches() == {"one"}
        manager.unregister_pod(make_pod("u"))
        manager.unregister_pod(make_pod("u"))
        await asyncio.sleep(1)
        assert api.open_watches() == set()
        with pytest.raises(ObjectError, match=r'^object "n"/"one" not registered$'):
            await manager.get_config_map("n", "one")


async def test_immutable_objects_are_not_watched_on() -> None:
    api = Api()
    api.put(Secret, "n", "fixed", data={"k": "djE="}, immutable=True)
    manager = ObjectManager(api)
    async with running(manager):
        manager.register_pod(make_pod(imagePullSecrets=[{"name": "fixed"}, {"name": "gone"}]))
        assert (await manager.get_secret("n", "fixed")).data == {"k": "djE="}
        await asyncio.sleep(1)
        assert api.open_watches() == {"gone"}
        found, missing = await manager.pull_secrets(make_pod(imagePullSecrets=[{"name": "fixed"}, {"name": "gone"}]))
        assert ([secret.metadata.name for secret in found], missing) == (["fixed"], ["gone"])


@pytest.mark.parametrize(
    "error",
    [
        ForbiddenError(403, "Forbidden", "no relationship found between node and object"),
        UnreachableError("connection refused"),
    ],
)
async def test_what_cannot_be_listed_is_an_error_with_its_cause(error: Exception) -> None:
    api = Api()
    api.error = error
    manager = ObjectManager(api)
    async with running(manager):
        manager.register_pod(make_pod("u", "one"))
        with pytest.raises(
            ObjectError, match="failed to sync configmap cache: timed out waiting for the condition: "
        ) as caught:
            await manager.get_config_map("n", "one")
        assert str(error).split(" (")[0] in str(caught.value) and not isinstance(caught.value, MissingObjectError)
        api.error = None
        api.put(ConfigMap, "n", "one")
        await asyncio.sleep(60)
        await manager.get_config_map("n", "one")


async def test_standalone() -> None:
    manager = ObjectManager(None)
    async with running(manager):
        manager.register_pod(make_pod("u", "one"))
        with pytest.raises(StandaloneError, match="couldn't get configMap n/one, no kubeClient defined"):
            await manager.get_config_map("n", "one")
    with pytest.raises(StandaloneError, match="RuntimeClass gvisor"):
        await RuntimeClasses(None).handler("gvisor")


def service(namespace: str, name: str, ip: str = "10.0.0.1", *ports: dict[str, Any]) -> Service:
    return convert(
        {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"clusterIP": ip, "ports": list(ports) or [{"port": 80}]},
        },
        Service,
    )


def test_service_env() -> None:
    services = [
        service("default", "kubernetes", "10.96.0.1", {"name": "https", "port": 443, "protocol": "TCP"}),
        service(
            "shop", "my-db", "fd00::5", {"name": "sql", "port": 5432}, {"name": "x-y", "port": 53, "protocol": "UDP"}
        ),
        service("shop", "headless", "None"),
        service("other", "hidden"),
        service("shop", "external", ""),
    ]
    master = {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
        "KUBERNETES_SERVICE_PORT_HTTPS": "443",
        "KUBERNETES_PORT": "tcp://10.96.0.1:443",
        "KUBERNETES_PORT_443_TCP": "tcp://10.96.0.1:443",
        "KUBERNETES_PORT_443_TCP_PROTO": "tcp",
        "KUBERNETES_PORT_443_TCP_PORT": "443",
        "KUBERNETES_PORT_443_TCP_ADDR": "10.96.0.1",
    }
    assert service_env(services, "shop", False) == master
    env = service_env(services, "shop", True)
    assert {key: value for key, value in env.items() if not key.startswith("KUBERNETES")} == {
        "MY_DB_SERVICE_HOST": "fd00::5",
        "MY_DB_SERVICE_PORT": "5432",
        "MY_DB_SERVICE_PORT_SQL": "5432",
        "MY_DB_SERVICE_PORT_X_Y": "53",
        "MY_DB_PORT": "tcp://[fd00::5]:5432",
        "MY_DB_PORT_5432_TCP": "tcp://[fd00::5]:5432",
        "MY_DB_PORT_5432_TCP_PROTO": "tcp",
        "MY_DB_PORT_5432_TCP_PORT": "5432",
        "MY_DB_PORT_5432_TCP_ADDR": "fd00::5",
        "MY_DB_PORT_53_UDP": "udp://[fd00::5]:53",
        "MY_DB_PORT_53_UDP_PROTO": "udp",
        "MY_DB_PORT_53_UDP_PORT": "53",
        "MY_DB_PORT_53_UDP_ADDR": "fd00::5",
    }
    assert master.items() <= env.items()


async def test_services_and_runtime_classes_follow_the_api() -> None:
    api = Api()
    api.objects["/api/v1/services", "kubernetes"] = service("default", "kubernetes", "10.96.0.1")
    api.objects["/apis/node.k8s.io/v1/runtimeclasses", "gvisor"] = RuntimeClass(
        handler="runsc", metadata=ObjectMeta(name="gvisor")
    )
    services, classes = Services(api), RuntimeClasses(api)
    async with running(services), running(classes):
        await services.synced()
        assert services.env_for("shop", True)["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
        assert (await classes.handler("gvisor"), await classes.handler("")) == ("runsc", "")
        with pytest.raises(MissingObjectError, match=r'^runtimeclass\.node\.k8s\.io "none" not found$'):
            await classes.handler("none")


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("ERROR")
    yield
