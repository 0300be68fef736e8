"""Blocks of ids for pods, each pod's own for its whole life and over restarts of the agent.

A block is noted in the pod's directory before it is used, in upstream's format, so that either kubelet finds what the
other has given out. Two pods never share one: a file that claims another pod's block, or ids that are not ours, is
refused.
"""

import json
import logging
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from cri.v1 import api_pb2 as cri
from kubelet import paths
from kubelet.api.meta import PodUID
from kubelet.userns.subids import IdRange

logger = logging.getLogger(__name__)

MAPPINGS_FILE: Final = "userns"


class UserNamespacesError(Exception):
    """The pod gets no user namespace; the text is upstream's."""


class UserNamespaces:
    """All methods but `mapping` and `holders` touch the disk and block; they may be called from any thread."""

    def __init__(self, root_dir: Path, ids: IdRange, per_pod: int) -> None:
        self._root, self._ids, self._per_pod = root_dir, ids, per_pod
        self._blocks: dict[PodUID, int] = {}
        """The first id of each pod's block."""
        self._next = ids.first
        self._lock = threading.Lock()

    def load(self, pods: Iterable[PodUID]) -> None:
        """Learn what earlier runs have given out. Of a file that cannot be trusted only its own pod hears more."""
        with self._lock:
            for uid in pods:
                try:
                    self._read(uid)
                except UserNamespacesError as error:
                    logger.error("a pod's user namespace cannot be read uid=%s error=%s", uid, error)

    def claim(self, uid: PodUID) -> None:
        """Give the pod a block, unless it has one. Raises UserNamespacesError."""
        with self._lock:
            if self._read(uid):
                return
            first = self._free()
            self._blocks[uid] = first
            try:
                self._write(uid, first)
            except OSError as error:
                del self._blocks[uid]
                raise UserNamespacesError(f"create user namespace: {error}") from None

    def mapping(self, uid: PodUID) -> cri.UserNamespace | None:
        """What the runtime is told; None for a pod that claimed nothing."""
        first = self._blocks.get(uid)
        if first is None:
            return None
        one = cri.IDMapping(host_id=first, container_id=0, length=self._per_pod)
        return cri.UserNamespace(mode=cri.POD, uids=[one], gids=[one])

    def release(self, uid: PodUID) -> None:
        """Idempotent."""
        with self._lock:
            if self._blocks.pop(uid, None) is not None:
                self._path(uid).unlink(missing_ok=True)

    def holders(self) -> frozenset[PodUID]:
        """Pods that have a block."""
        return frozenset(self._blocks)

    def _path(self, uid: PodUID) -> Path:
        return paths.pod_dir(self._root, uid) / MAPPINGS_FILE

    def _free(self) -> int:
        """The next one in turn, so that a block rests as long as possible after its pod: files of a dead pod that are
        left somewhere must not belong to the next pod."""
        taken = set(self._blocks.values())
        end = self._ids.first + self._ids.length
        for _ in range(self._ids.length // self._per_pod):
            first, self._next = self._next, self._next + self._per_pod
            if self._next + self._per_pod > end:
                self._next = self._ids.first
            if first not in taken:
                return first
        raise UserNamespacesError("create user namespace: could not find an empty slot to allocate a user namespace")

    def _write(self, uid: PodUID, first: int) -> None:
        path = self._path(uid)
        one = {"hostId": first, "containerId": 0, "length": self._per_pod}
        temporary = path.with_name(f".{path.name}.tmp")
        with temporary.open("w") as file:
            json.dump({"uidMappings": [one], "gidMappings": [one]}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

    def _read(self, uid: PodUID) -> bool:
        """Record what the pod's file says; False without one."""
        try:
            content = json.loads(self._path(uid).read_text())
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (OSError, ValueError) as error:
            raise UserNamespacesError(f"user namespace: invalid user namespace mappings file: {error}") from None
        first = self._judged(content)
        if self._blocks.get(uid, first) != first:
            raise UserNamespacesError(f'user namespace: different user namespace range already used by pod "{uid}"')
        if any(block == first and other != uid for other, block in self._blocks.items()):
            raise UserNamespacesError(f'user namespace: range picked for pod "{uid}" already taken')
        self._blocks[uid] = first
        return True

    def _judged(self, content: Any) -> int:
        """The first id of the block in a file. Raises UserNamespacesError."""
        try:
            users, groups = content["uidMappings"], content["gidMappings"]
            if len(users) != 1:
                raise UserNamespacesError(
                    "user namespace: invalid user namespace configuration: no more than one mapping allowed.")
            if users != groups:
                raise UserNamespacesError(
                    "user namespace: invalid user namespace configuration: GID and UID mapping should be identical")
            first, inside, length = (int(users[0][name]) for name in ("hostId", "containerId", "length"))
        except (KeyError, TypeError, ValueError) as error:
            raise UserNamespacesError(f"user namespace: invalid user namespace mappings file: {error!r}") from None
        if inside != 0:
            raise UserNamespacesError("user namespace: invalid user namespace configuration: UID 0 must be mapped")
        if length != self._per_pod:
            raise UserNamespacesError(f"user namespace: wrong user namespace length {length}")
        if first % self._per_pod:
            raise UserNamespacesError(f"user namespace: wrong user namespace offset specified {first}")
        if not self._ids.first <= first <= self._ids.first + self._ids.length - length:
            raise UserNamespacesError(f"user namespace: id {first} is out of range")
        return first
