"""Small stand-ins for what the node talks to: an API server with nodes and leases, a runtime, a clock."""

import asyncio
from typing import Any

from cri.errors import UnavailableError
from cri.v1 import api_pb2 as cri
from kubelet.api import codec
from kubelet.api.types import Lease, Node
from kubelet.apiclient import AlreadyExistsError, ConflictError, NotFoundError

NOW = 1_700_000_000.0
NOW_TEXT = "2023-11-14T22:13:20Z"


def merge(old: Any, change: Any, field: str = "") -> Any:
    if isinstance(change, dict):
        result = dict(old) if isinstance(old, dict) else {}
        for key, value in change.items():
            if key.startswith("$setElementOrder/"):
                continue
            if value is None:
                result.pop(key, None)
            else:
                result[key] = merge(result.get(key), value, key)
        if "$setElementOrder/conditions" in change:
            order = [item["type"] for item in change["$setElementOrder/conditions"]]
            result["conditions"].sort(key=lambda item: order.index(item["type"]))
        return result
    if field == "conditions":
        items = {item["type"]: item for item in old or []}
        for item in change:
            items[item["type"]] = merge(items.get(item["type"], {}), item)
        return list(items.values())
    if field == "addresses":
        assert {"$patch": "replace"} in change
        return [item for item in change if "$patch" not in item]
    return change


class FakeCluster:
    """Nodes and leases by path; `failures` are raised by the next calls."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.failures: list[Exception | None] = []
        self.revision = 0

    def put(self, path: str, item: Any) -> Any:
        self.revision += 1
        plain = codec.to_plain(item)
        metadata = plain.setdefault("metadata", {})
        metadata["resourceVersion"] = str(self.revision)
        metadata.setdefault("uid", f"uid-{self.revision}")
        self.objects[path] = codec.convert(plain, type(item))
        return self.objects[path]

    async def _call(self, verb: str, path: str) -> None:
        self.calls.append((verb, path))
        await asyncio.sleep(0)
        if self.failures:
            failure = self.failures.pop(0)
            if failure is not None:
                raise failure

    def _get(self, path: str) -> Any:
        if path not in self.objects:
            raise NotFoundError(404, "NotFound", f"{path} not found")
        return self.objects[path]

    async def get(self, path: str, cls: Any) -> Any:
        await self._call("get", path)
        return self._get(path)

    async def create(self, path: str, body: Any, cls: Any) -> Any:
        await self._call("create", path)
        name = f"{path}/{body.metadata.name}"
        if name in self.objects:
            raise AlreadyExistsError(409, "AlreadyExists", "exists")
        return self.put(name, body)

    async def replace(self, path: str, body: Any, cls: Any) -> Any:
        await self._call("replace", path)
        if self._get(path).metadata.resource_version != body.metadata.resource_version:
            raise ConflictError(409, "Conflict", "the object has been modified")
        return self.put(path, body)

    async def patch(self, path: str, body: Any, cls: Any) -> Any:
        await self._call("patch", path)
        self.bodies.append(body)
        name = path.removesuffix("/status")
        return self.put(name, codec.convert(merge(codec.to_plain(self._get(name)), body), cls))

    @property
    def node(self) -> Node:
        return self.objects["/api/v1/nodes/n1"]

    @property
    def lease(self) -> Lease:
        return self.objects["/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"]

    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.calls]


class FakeRuntime:
    """A runtime whose Status can be told: ready or not, network or not, gone or not."""

    def __init__(self) -> None:
        self.runtime_ready = self.network_ready = True
        self.gone = False
        self.reason = self.message = ""
        self.images: list[cri.Image] = []
        self.asked = 0

    async def Status(self, request: cri.StatusRequest) -> cri.StatusResponse:
        self.asked += 1
        if self.gone:
            raise UnavailableError("connection refused", "Status")
        return cri.StatusResponse(
            status=cri.RuntimeStatus(conditions=[
                cri.RuntimeCondition(
                    type="RuntimeReady", status=self.runtime_ready, reason=self.reason, message=self.message
                ),
                cri.RuntimeCondition(
                    type="NetworkReady", status=self.network_ready, reason=self.reason, message=self.message
                ),
            ]),
            runtime_handlers=[
                cri.RuntimeHandler(name="runc"),
                cri.RuntimeHandler(name="", features=cri.RuntimeHandlerFeatures(recursive_read_only_mounts=True)),
            ],
            features=cri.RuntimeFeatures(supplemental_groups_policy=True),
        )

    async def Version(self, request: cri.VersionRequest) -> cri.VersionResponse:
        return cri.VersionResponse(runtime_name="docker", runtime_version="20.10.24")

    async def ListImages(self, request: cri.ListImagesRequest) -> cri.ListImagesResponse:
        return cri.ListImagesResponse(images=self.images)
