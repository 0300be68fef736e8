"""Pods as their users see them, with everything that differs from run to run and from runtime to runtime taken out.

Taken out: times, addresses, identifiers, and the texts that come from a runtime's own errors. Left: which fields there
are, in which order conditions stand, every reason and every word that the kubelet itself writes.
"""

import json
import re
from typing import Any

from kube import Event

from conformance.apiclient import Json

TIMES = {
    "startTime", "startedAt", "finishedAt", "lastTransitionTime", "lastProbeTime", "creationTimestamp",
    "lastHeartbeatTime",
}  # fmt: skip
IDENTIFIERS = {"containerID", "imageID"}
# Which of an image's names a container is said to run is the runtime's choice.
BUSYBOX_NAMES = {"docker.io/library/busybox:stable", "busybox:stable", "localhost/podwright/busybox:1"}
UNLIMITED = {"memory": "9007199254740988Ki"}

_TEXTS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"(containerd|docker)://[0-9a-f]{64}"), "RUNTIME://ID"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "ID"),
    (re.compile(r"10\.244\.\d+\.\d+"), "POD-IP"),
    (re.compile(r"10\.77\.0\.\d+"), "NODE-IP"),
    (re.compile(r"kube-api-access-\w{5}"), "kube-api-access"),
    (re.compile(r"\b\d+(\.\d+)?m?s \(\d+(\.\d+)?m?s including waiting\)"), "DURATION"),
    (re.compile(r"Image size: \d+ bytes"), "Image size: N bytes"),
    # What a runtime says of its own failures is its own: kubelets hand it on word for word.
    (re.compile(r"rpc error: code = .*", re.DOTALL), "RUNTIME ERROR"),
    (re.compile(r"failed to (pull and unpack image|create .*task).*", re.DOTALL), "RUNTIME ERROR"),
    (re.compile(r'(wget|dial tcp|Get "http)[^\n]*'), "CONNECTION ERROR"),
)  # fmt: skip


def text(value: str) -> str:
    """A text without what differs from run to run."""
    for pattern, name in _TEXTS:
        value = pattern.sub(name, value)
    return value


def status(obj: Json) -> Json:
    """A pod's status without what differs."""
    plain: Json = _plain(obj["status"])
    if plain.get("resources", {}).get("limits") == UNLIMITED:
        plain["resources"] = {}  # read back, now and then, from a control group that has no limit
    return plain


def _plain(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {k: _plain(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(item, key) for item in value]
    if value is None:
        return None
    if key in TIMES:
        return "TIME"
    if key in IDENTIFIERS:
        return "ID" if value else ""
    if key == "image" and value in BUSYBOX_NAMES:
        return "BUSYBOX"
    return text(value) if isinstance(value, str) else value


def events(found: list[Event]) -> list[str]:
    """Distinct events in the order of their first occurrence, container by container."""
    by_field: dict[str, list[str]] = {}
    for event in found:
        line = text(f"{event.kind} {event.reason} {event.source} {event.field}: {event.message}")
        lines = by_field.setdefault(event.field, [])
        if line not in lines:
            lines.append(line)
    return [line for field in sorted(by_field) for line in by_field[field]]


def described(output: str) -> list[str]:
    """`kubectl describe pod` line by line, without its events, which `events` has."""
    lines = []
    for line in output.partition("\nEvents:")[0].splitlines():
        plain = text(re.sub(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d.*", "TIME", line))
        lines.append(re.sub(r"^(\s*Image ID:\s*).*", r"\1ID", plain))
    return lines


def row(output: str, name: str) -> list[str]:
    """A pod's row of `kubectl get pods -o wide`, without age."""
    line = next(line for line in output.splitlines() if line.startswith(f"{name} "))
    words = re.split(r"\s{2,}", re.sub(r" \(.* ago\)", "", text(line)))
    return [*words[:4], *words[5:]]


def cannot_start(view: Json) -> Json:
    """A view of a container that could not start: its reason and exit code are chosen by the runtime."""
    plain = re.sub(r"ContainerCannotRun|StartError", "CANNOT START", json.dumps(view))
    plain = re.sub(r'("exitCode": |Exit Code: +)12[678]', r"\g<1>125", plain)
    made: Json = json.loads(plain)
    return made


def differences(got: Any, expected: Any, path: str = "") -> list[str]:
    """Each difference in a line: where, what is there, what was expected."""
    if isinstance(got, dict) and isinstance(expected, dict):
        lines = [f"{path}.{k}: absent, expected {expected[k]!r}" for k in expected if k not in got]
        lines += [f"{path}.{k}: {got[k]!r}, expected to be absent" for k in got if k not in expected]
        return lines + [line for k in got if k in expected for line in differences(got[k], expected[k], f"{path}.{k}")]
    if isinstance(got, list) and isinstance(expected, list) and len(got) == len(expected):
        return [
            line for i, pair in enumerate(zip(got, expected, strict=True))
            for line in differences(*pair, f"{path}[{i}]")
        ]  # fmt: skip
    return [] if got == expected else [f"{path}: {got!r}, expected {expected!r}"]
