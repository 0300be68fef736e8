"""The whole way from a command line to effective options.

    defaults < --config < drop-ins of --config-dir < flags       feature gates of all of them merge

Without --config and --config-dir the command line's old defaults hold (anonymous requests, AlwaysAllow, read-only
port 10255); with either, the API's. Source: cmd/kubelet/app/server.go.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from kubelet.api.fields import unknown_fields
from kubelet.config import commandline, document
from kubelet.config.effects import ineffective
from kubelet.config.errors import ConfigError
from kubelet.config.flags import FLAGS, Flag, Kind, KubeletFlags
from kubelet.config.layout import Layout
from kubelet.config.types import KubeletConfiguration, to_plain
from kubelet.config.validation import flag_problems, problems
from kubelet.version import KUBERNETES_VERSION, PODWRIGHT_VERSION

COMMAND_LINE = "the command line"
WRITTEN_TWICE = "is written twice; the last one counts"
LEGACY: dict[str, Any] = {
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "readOnlyPort": 10255,
}


class PrintAndExit(Exception):  # no error: --help and --version
    """The command line asks for `text` on standard output and nothing else."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class Options:
    """What the agent runs with."""

    config: KubeletConfiguration
    flags: KubeletFlags
    warnings: tuple[str, ...] = ()
    """One line each: unknown fields, deprecated flags, unknown feature gates."""
    given: frozenset[str] = frozenset()
    """Top-level configuration fields that a file, a drop-in or a flag has set, e.g. containerRuntimeEndpoint."""
    files: tuple[Path, ...] = ()
    """The configuration files read, in the order of their precedence."""

    @property
    def standalone(self) -> bool:
        """No API server."""
        return not self.flags.kubeconfig and not self.flags.bootstrap_kubeconfig


def load(argv: Sequence[str]) -> Options:
    """Options from the arguments behind the program's name. Raises ConfigError, PrintAndExit."""
    values = commandline.parse(argv)
    if values.get("help"):
        raise PrintAndExit(help_text())
    if values.get("version"):
        raise PrintAndExit(version_text(raw=values["version"] == "raw"))
    flags = of_process(values)
    warnings = deprecations(values, flags)
    documents: list[tuple[Path, dict[str, Any]]] = []
    for file, flag in _files(flags):
        value = document.read(file, flag)
        documents.append((file, value))
        layout = Layout(file.read_bytes())
        warnings += [f"{layout.where(file, path)}: {path}: {text}" for path, text in file_warnings(value)]
        warnings += [f"{file}:{line}: {path}: {WRITTEN_TWICE}" for path, line in layout.duplicates()]
    config, given = effective(flags, documents, values)
    found = [*flag_problems(flags), *problems(config)]
    if found:
        raise ConfigError(_origin(flags, found[0][0]), found[0][0], found[0][1])
    warnings += [f"{path}: {text}" for path, text in (*gate_warnings(config), *ineffective(config, flags))]
    return Options(config, flags, tuple(warnings), given, tuple(file for file, _ in documents))


def _files(flags: KubeletFlags) -> Iterator[tuple[Path, str]]:
    """The configuration files in the order of their precedence, each with the flag that leads to it."""
    if flags.config:
        yield Path(flags.config), "--config"
    if flags.config_dir:
        yield from ((file, "--config-dir") for file in document.dropins(Path(flags.config_dir)))


def effective(
    flags: KubeletFlags, documents: Sequence[tuple[Path, dict[str, Any]]], values: dict[str, Any]
) -> tuple[KubeletConfiguration, frozenset[str]]:
    """The files' and the command line's settings in one, and the top-level fields that they set. Raises ConfigError."""
    given: set[str] = set()
    plain = to_plain(document.defaulted({} if flags.config else LEGACY, "defaults"))
    for number, (file, value) in enumerate(documents):
        given |= {name for name, member in document.without_zeroes(value, KubeletConfiguration).items()
                  if member not in (None, {}, [])}
        if number == 0 and flags.config:
            plain = to_plain(document.defaulted(value, str(file)))
        else:
            document.defaulted(document.merge_patch({}, value), str(file))  # its own types, under its own name
            plain = document.merge_patch(plain, value)
    if flags.config_dir:
        plain = to_plain(document.defaulted(plain, flags.config_dir))
    config = _with_flags(plain, values, given)
    if flags.seccomp_default:
        config = document.decode({**to_plain(config), "seccompDefault": True}, COMMAND_LINE)
    return config, frozenset(given)


def file_warnings(value: dict[str, Any]) -> list[tuple[str, str]]:
    """(path, what to know) of fields that nobody knows."""
    return [
        (path, f"unknown field, ignored; {f'did you mean {nearest}?' if nearest else 'remove it if it is a mistake'}")
        for path, nearest in unknown_fields(value, KubeletConfiguration)
    ]


def of_process(values: dict[str, Any]) -> KubeletFlags:
    """The flags that are no configuration fields. Raises ConfigError."""
    known = {field.name for field in fields(KubeletFlags)}
    flags = KubeletFlags(**{FLAGS[name].attribute: value for name, value in values.items()
                            if not FLAGS[name].path and FLAGS[name].attribute in known})
    for address in flags.node_ips:
        try:
            ip_address(address)
        except ValueError:
            raise ConfigError("flag --node-ip", "", f"{address!r} is not an IP address; write one, or an IPv4 and an "
                                                    "IPv6 one with a comma") from None
    return replace(flags, root_dir=str(Path(flags.root_dir)), cert_dir=str(Path(flags.cert_dir)))


def _with_flags(plain: dict[str, Any], values: dict[str, Any], given: set[str]) -> KubeletConfiguration:
    """Flags go over everything, literally: a zero is a zero here. Only feature gates merge."""
    for name, value in values.items():
        flag = FLAGS[name]
        if not flag.path:
            continue
        given.add(flag.path[0])
        if flag.kind is Kind.MAP_BOOL:
            value = {**plain.get(flag.path[0], {}), **value}  # noqa: PLW2901
        document.put(plain, flag.path, value)
    return document.decode(plain, COMMAND_LINE)


def deprecations(values: dict[str, Any], flags: KubeletFlags) -> list[str]:
    """Said only where a configuration file is in use: without one, flags are all there is."""
    if not flags.config and not flags.config_dir:
        return []
    return [f"flag --{name} is deprecated: {FLAGS[name].deprecated}" for name in values if FLAGS[name].deprecated]


def gate_warnings(config: KubeletConfiguration) -> list[tuple[str, str]]:
    """(path, what to know) of feature gates that this version does not have."""
    from difflib import get_close_matches

    from kubelet.config import gates

    known = gates.KNOWN | {gates.ALL_ALPHA, gates.ALL_BETA}
    warnings = []
    for gate in sorted(set(config.feature_gates) - known):
        close = get_close_matches(gate, known, n=1, cutoff=0.7)
        warnings.append((f"featureGates.{gate}", f"unknown to Kubernetes {KUBERNETES_VERSION}, ignored"
                         + (f"; did you mean {close[0]}?" if close else "")))
    return warnings


def _origin(flags: KubeletFlags, path: str) -> str:
    """Where a value that breaks a rule can be corrected."""
    if path.startswith("--"):
        return COMMAND_LINE
    return flags.config or flags.config_dir or COMMAND_LINE


def version_text(*, raw: bool = False) -> str:
    """What `--version` prints; kubeadm's preflight reads the first form."""
    if raw:
        return f"version.Info{{GitVersion:\"{KUBERNETES_VERSION}\", Podwright:\"{PODWRIGHT_VERSION}\"}}"
    return f"Kubernetes {KUBERNETES_VERSION}"


def help_text() -> str:
    """What `--help` prints: every flag, those that live in the configuration file last."""
    lines = ["kubelet runs the pods that are bound to this node, and those in its manifest directory.", "",
             "Usage:", "  kubelet [flags]", "", "Flags:"]
    lines += [_help_line(flag) for flag in FLAGS.values() if not flag.deprecated]
    lines += ["", "Flags that are better set in the file named by --config, or that will go away:"]
    lines += [_help_line(flag) for flag in FLAGS.values() if flag.deprecated]
    return "\n".join(lines)


def _help_line(flag: Flag) -> str:
    short = f"-{flag.shorthand}, " if flag.shorthand else "    "
    kind = "" if flag.kind is Kind.BOOL else f" {flag.kind}"
    default = f" (default {flag.default})" if flag.default else ""
    return f"  {short}--{flag.name}{kind}".ljust(58) + f" {flag.help}{default}"
