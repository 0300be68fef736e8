"""/flagz and /statusz: for people as text, for programs as objects of config.k8s.io, as the Accept header asks.

    Accept: application/json;v=v1beta1;g=config.k8s.io;as=Statusz        also yaml, and v1alpha1 (deprecated)

Pure. Source: apiserver/pkg/server/{flagz,statusz}.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kubelet.version import KUBERNETES_VERSION, PODWRIGHT_VERSION

VERSIONS = ("v1beta1", "v1alpha1")
GROUP = "config.k8s.io"
COMPONENT = "kubelet"
BINARY_VERSION = KUBERNETES_VERSION.removeprefix("v")
EMULATION_VERSION = BINARY_VERSION.rpartition(".")[0]
_HEAD = ("\nkubelet {}\nWarning: This endpoint is not meant to be machine parseable, has no formatting compatibility "
         "guarantees and is for debugging purposes only.\n")
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    status: int
    body: str
    content_type: str = _TEXT
    headers: Mapping[str, str] = field(default_factory=dict)


def flagz(accept: str, flags: Mapping[str, str]) -> Page:
    lines = "".join(f"{name}={value}\n" for name, value in sorted(flags.items()))
    return _page(accept, "Flagz", _HEAD.format("flagz") + lines, {"flags": dict(sorted(flags.items()))})


def statusz(accept: str, started: float, now: float, paths: Iterable[str]) -> Page:
    up, begin = int(max(0, now - started)), datetime.fromtimestamp(started, UTC)
    roots = sorted({f"/{path.strip('/').split('/')[0]}" for path in paths})
    language = f"none, Python {sys.version.split()[0]}"
    rows = (("Started", f"{begin:%a %b} {begin.day:2} {begin:%H:%M:%S} UTC {begin.year}"),
            ("Up", f"{up // 3600} hr {up % 3600 // 60:02} min {up % 60:02} sec"),
            ("Go version", language), ("Binary version", BINARY_VERSION), ("Emulation version", EMULATION_VERSION),
            ("Podwright version", PODWRIGHT_VERSION),
            ("Paths", " ".join(roots)))
    text = _HEAD.format("statusz") + "\n" + "".join(f"{name}: {value}\n" for name, value in rows)
    return _page(accept, "Statusz", text, {
        "startTime": f"{begin:%Y-%m-%dT%H:%M:%SZ}", "uptimeSeconds": up, "goVersion": language,
        "binaryVersion": BINARY_VERSION, "emulationVersion": EMULATION_VERSION, "paths": roots,
    })


def _page(accept: str, kind: str, text: str, fields: Mapping[str, Any]) -> Page:
    if not accept.strip():
        return Page(200, text)
    for media, parameters in _ranges(accept):
        if media in ("text/plain", "text/*", "*/*") and "as" not in parameters:
            return Page(200, text)
        version = parameters.get("v", "")
        known = parameters.get("as") == kind and parameters.get("g") == GROUP and version in VERSIONS
        if known and media in ("application/json", "application/yaml", "application/*", "*/*"):
            return _object(media, kind, version, fields)
    supported = "text/plain, application/json, application/yaml"
    problem = f"only the following media types are accepted: {supported}"
    return Page(406, json.dumps({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": problem,
        "reason": "NotAcceptable", "code": 406}), "application/json")


def _object(media: str, kind: str, version: str, fields: Mapping[str, Any]) -> Page:
    value = {"kind": kind, "apiVersion": f"{GROUP}/{version}", "metadata": {"name": COMPONENT}, **fields}
    deprecated = version != VERSIONS[0]
    headers = {"Warning": f'299 - "This version of the {kind.lower()} endpoint is deprecated. Please use a newer '
                          'version."'} if deprecated else {}
    if media == "application/yaml":
        import yaml

        return Page(200, yaml.safe_dump(value, sort_keys=True), media, headers)
    return Page(200, json.dumps(value), "application/json", headers)


def _ranges(accept: str) -> list[tuple[str, dict[str, str]]]:
    """(media type, parameters) in the order of preference: by weight, then as written."""
    found = []
    for part in accept.split(","):
        media, *rest = (piece.strip() for piece in part.split(";"))
        parameters = {name.strip().lower(): value.strip() for name, _, value in (item.partition("=") for item in rest)}
        found.append((_weight(parameters.pop("q", "1")), media.lower(), parameters))
    return [(media, parameters) for weight, media, parameters in sorted(found, key=lambda item: -item[0]) if weight > 0]


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 1.0
