"""One run of a CNI plugin, sans I/O: what it is given (environment and stdin) and what its answer means.

    invocation = build(...)          environment + stdin
    outcome    = (exit status, stdout, stderr)          plugin_process.run(...)
    result     = parse_outcome(invocation, outcome)     a JSON object, or PluginError

Source: CNI specification 1.1 sections 2 (protocol), 3 (execution: derivation of the configuration) and 5 (errors).
"""

import enum
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dockershim.network.conf import NetworkConf, PluginConf
from dockershim.network.errors import PluginError

MAX_OUTPUT_BYTES = 1 << 20
"""A result is a few hundred bytes. A plugin that prints more than this is broken, and is stopped."""
_SHOWN_BYTES = 300


class Verb(enum.Enum):
    ADD = "ADD"
    DEL = "DEL"
    CHECK = "CHECK"
    STATUS = "STATUS"
    GC = "GC"
    VERSION = "VERSION"


@dataclass(frozen=True, slots=True)
class Attachment:
    """The runtime's half of an invocation: which container, where, and with which arguments."""

    container_id: str
    netns: str = ""
    ifname: str = "eth0"
    args: tuple[tuple[str, str], ...] = ()
    capability_args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Invocation:
    plugin: str
    verb: Verb
    sandbox_id: str
    env: Mapping[str, str]
    stdin: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the process ended. `status` is as `subprocess` has it: negative for a signal."""

    status: int
    stdout: bytes
    stderr: bytes = b""
    truncated: bool = False


def build(
    verb: Verb,
    network: NetworkConf,
    plugin: PluginConf,
    attachment: Attachment | None,
    cni_path: str,
    *,
    prev_result: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Invocation:
    """Derive a plugin's configuration from its list. `extra` are further keys (GC's valid attachments)."""
    conf: dict[str, Any] = {**plugin.conf, "name": network.name, "cniVersion": network.cni_version, **(extra or {})}
    env = {"CNI_COMMAND": verb.value, "CNI_PATH": cni_path}
    if attachment is not None:
        env |= {
            "CNI_CONTAINERID": attachment.container_id,
            "CNI_NETNS": attachment.netns,
            "CNI_IFNAME": attachment.ifname,
            "CNI_ARGS": ";".join(f"{key}={value}" for key, value in attachment.args),
        }
        runtime_config = {
            name: value for name, value in attachment.capability_args.items() if name in plugin.capabilities
        }
        if runtime_config:
            conf["runtimeConfig"] = runtime_config
    if prev_result is not None:
        conf["prevResult"] = prev_result
    sandbox_id = attachment.container_id if attachment is not None else ""
    return Invocation(plugin.type, verb, sandbox_id, env, msgspec.json.encode(conf))


def build_version(plugin: str, cni_version: str, cni_path: str) -> Invocation:
    """VERSION: dummies for the container, because plugins before 0.3 look at them even for this."""
    env = {
        "CNI_COMMAND": Verb.VERSION.value,
        "CNI_PATH": cni_path,
        "CNI_NETNS": "dummy",
        "CNI_IFNAME": "dummy",
        "CNI_CONTAINERID": "dummy",
    }
    return Invocation(plugin, Verb.VERSION, "", env, msgspec.json.encode({"cniVersion": cni_version}))


def parse_outcome(invocation: Invocation, outcome: Outcome) -> dict[str, Any]:
    """The JSON object that the plugin printed (empty for verbs without a result); PluginError when it failed."""
    if outcome.truncated:
        raise _error(invocation, f"printed more than {MAX_OUTPUT_BYTES} bytes, which is not a CNI result")
    if outcome.status != 0:
        raise _failure(invocation, outcome)
    if invocation.verb not in (Verb.ADD, Verb.VERSION):
        return {}
    if not outcome.stdout.strip():
        raise _error(invocation, "printed nothing instead of a result")
    try:
        result = msgspec.json.decode(outcome.stdout)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _error(invocation, f"printed something that is not JSON ({error}): {_shown(outcome.stdout)}") from None
    if not isinstance(result, dict):
        raise _error(invocation, f"printed JSON that is not an object: {_shown(outcome.stdout)}")
    return result


def supported_versions(result: Mapping[str, Any]) -> tuple[str, ...]:
    """Of VERSION's answer; a plugin that does not list them supports what it says it is."""
    versions = result.get("supportedVersions") or [result.get("cniVersion", "")]
    return tuple(version for version in versions if isinstance(version, str))


def _failure(invocation: Invocation, outcome: Outcome) -> PluginError:
    try:
        error = msgspec.json.decode(outcome.stdout)
    except (msgspec.DecodeError, UnicodeDecodeError):
        error = None
    if isinstance(error, dict) and (error.get("msg") or error.get("code")):
        text = "; ".join(str(error[key]) for key in ("msg", "details") if error.get(key))
        code = error.get("code")
        return _error(invocation, text or f"error code {code}", code if isinstance(code, int) else None)
    printed = outcome.stderr.strip() or outcome.stdout.strip()
    detail = f": {_shown(printed)}" if printed else " and printed nothing"
    return _error(invocation, f"{_ending(outcome.status)}{detail}")


def _ending(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"ended by signal {-status}"


def _error(invocation: Invocation, problem: str, cni_code: int | None = None) -> PluginError:
    return PluginError(invocation.plugin, invocation.verb.value, invocation.sandbox_id, problem, cni_code)


def _shown(data: bytes) -> str:
    text = data[:_SHOWN_BYTES].decode(errors="replace")
    return repr(text) + ("…" if len(data) > _SHOWN_BYTES else "")
