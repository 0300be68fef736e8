"""A small API server for pods: status patches merged as the real one merges them, UID preconditions, failures."""

from typing import Any

from kubelet.api import codec
from kubelet.api.types import Pod
from kubelet.apiclient import ConflictError, InvalidError, NotFoundError

_MERGE_KEYS = {"conditions": "type", "podIPs": "ip", "hostIPs": "ip"}


def strategic_merge(old: Any, change: Any, field: str = "") -> Any:
    """The parts of apimachinery's strategicpatch that a pod's status needs."""
    if isinstance(change, dict):
        result = dict(old) if isinstance(old, dict) else {}
        for key, value in change.items():
            if key.startswith("$setElementOrder/"):
                continue
            if value is None:
                result.pop(key, None)
            else:
                result[key] = strategic_merge(result.get(key), value, key)
        for key, order in change.items():
            if key.startswith("$setElementOrder/"):
                name = key.partition("/")[2]
                merge_key = _MERGE_KEYS[name]
                rank = {item[merge_key]: index for index, item in enumerate(order)}
                result[name] = sorted(result.get(name, []), key=lambda item: rank[item[merge_key]])
        return result
    if isinstance(change, list) and field in _MERGE_KEYS:
        return _merge_list(old or [], change, _MERGE_KEYS[field])
    return change


def _merge_list(old: list[Any], change: list[Any], merge_key: str) -> list[Any]:
    items = {item[merge_key]: item for item in old}
    for item in change:
        if item.get("$patch") == "delete":
            items.pop(item[merge_key], None)
        else:
            items[item[merge_key]] = strategic_merge(items.get(item[merge_key], {}), item)
    return list(items.values())


class FakePodServer:
    """`pods` by path. `failures` are raised by the next calls; `hold` makes calls wait until it is set."""

    def __init__(self, *pods: Pod):
        self.pods = {self.path_of(pod): pod for pod in pods}
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.failures: list[Exception | None] = []
        self.hold = None
        self.in_flight: dict[str, int] = {}
        self.most_in_flight: dict[str, int] = {}
        self.revision = 100

    @staticmethod
    def path_of(pod: Pod) -> str:
        return f"/api/v1/namespaces/{pod.metadata.namespace}/pods/{pod.metadata.name}"

    def put(self, pod: Pod) -> Pod:
        self.revision += 1
        plain = codec.to_plain(pod)
        plain.setdefault("metadata", {})["resourceVersion"] = str(self.revision)
        stored = codec.convert(plain, Pod)
        self.pods[self.path_of(stored)] = stored
        return stored

    def only(self) -> Pod:
        (pod,) = self.pods.values()
        return pod

    async def _call(self, verb: str, path: str) -> Pod:
        key = path.removesuffix("/status")
        self.calls.append((verb, path))
        self.in_flight[key] = self.in_flight.get(key, 0) + 1
        self.most_in_flight[key] = max(self.most_in_flight.get(key, 0), self.in_flight[key])
        try:
            if self.hold is not None:
                await self.hold.wait()
            if self.failures:
                failure = self.failures.pop(0)
                if failure is not None:
                    raise failure
            if key not in self.pods:
                raise NotFoundError(404, "NotFound", "pod not found")
            return self.pods[key]
        finally:
            self.in_flight[key] -= 1

    async def get(self, path: str, cls: type[Pod]) -> Pod:
        return await self._call("get", path)

    async def patch(self, path: str, body: Any, cls: type[Pod]) -> Pod:
        pod = await self._call("patch", path)
        assert path.endswith("/status")
        self.bodies.append(body)
        if body["metadata"]["uid"] != pod.metadata.uid:
            raise InvalidError(422, "Invalid", "metadata.uid: field is immutable")
        plain = codec.to_plain(pod)
        plain["status"] = strategic_merge(plain.get("status", {}), body["status"])
        return self.put(codec.convert(plain, Pod))

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        pod = await self._call("delete", path)
        assert grace_seconds == 0
        if uid != pod.metadata.uid:
            raise ConflictError(409, "Conflict", "precondition failed: UID")
        del self.pods[path]
