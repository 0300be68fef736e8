"""`podwright`: what this node runs, what a pod waits for, where its start time went.

    podwright status | pods [-w] | explain POD | timeline POD [--svg FILE] | gc plan
                                                                               [-o table|json|yaml] [--socket PATH]
    podwright run DIRECTORY
    podwright config validate | show [--sources] | diff [--running]     [FLAGS OF THE KUBELET]

Exit codes: 0 answered, 1 the agent has no answer (or none runs), 2 wrong usage.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from kubelet.operator.client import DEFAULT_SOCKET, AskError, ask
from kubelet.operator.render import collection_text, explain_text, pods_table, status_text, timeline_text
from kubelet.operator.watch import watch

_SOCKET_VARIABLE = "PODWRIGHT_SOCKET"
_TEXTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "status": status_text, "pods": pods_table, "explain": explain_text, "timeline": timeline_text,
    "gc": collection_text,
}


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--socket", default=os.environ.get(_SOCKET_VARIABLE, DEFAULT_SOCKET), metavar="PATH",
                        help=f"the agent's socket, in its --root-dir (default: ${_SOCKET_VARIABLE} or %(default)s)")
    common.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table")
    top = argparse.ArgumentParser(prog="podwright", description="Ask the node agent that runs on this machine.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("status", parents=[common], help="the node, its health, and the pods that wait")
    pods = commands.add_parser("pods", parents=[common], help="the pods of this node and what they wait for")
    pods.add_argument("-w", "--watch", action="store_true", help="keep the table up to date until Ctrl-C")
    pods.add_argument("--interval", type=_positive, default=0.5, metavar="SECONDS", help=argparse.SUPPRESS)
    explain = commands.add_parser("explain", parents=[common],
                                  help="what a pod waits for, since when, the last error, the next retry, what to do")
    explain.add_argument("pod", metavar="POD", help="name, namespace/name, UID, or a beginning of the name")
    run = commands.add_parser("run", help="a whole node over a directory of manifests, for as long as this runs")
    run.add_argument("manifests", metavar="DIRECTORY")
    collection = commands.add_parser("gc", help="garbage collection of containers, logs, directories and images")
    collection.add_subparsers(dest="what", required=True, metavar="plan").add_parser(
        "plan", parents=[common], help="what it would remove and keep now, and why; nothing is touched")
    _add_config(commands, common)
    timeline = commands.add_parser("timeline", parents=[common], help="where a pod's start time went")
    timeline.add_argument("pod", metavar="POD", help="name, namespace/name, UID, or a beginning of the name")
    timeline.add_argument("--svg", metavar="FILE", help="write it as a picture, too (- for standard output)")
    return top


def _add_config(commands: Any, common: argparse.ArgumentParser) -> None:
    config = commands.add_parser("config", help="the kubelet's configuration: its mistakes, its sources, its changes")
    verbs = config.add_subparsers(dest="verb", required=True, metavar="VERB")
    more = "and the kubelet's own flags, or a configuration file; by default the file of a kubeadm node"
    verbs.add_parser("validate", parents=[common], allow_abbrev=False, epilog=more,
                     help="every mistake with file, line and what to do; needs no running agent")
    show = verbs.add_parser("show", parents=[common], allow_abbrev=False, epilog=more,
                            help="the effective configuration, defaults filled in")
    show.add_argument("--sources", action="store_true", help="each value with the file and line, or flag, that set it")
    diff = verbs.add_parser("diff", parents=[common], allow_abbrev=False, epilog=more,
                            help="what differs from the defaults; 1 when something does")
    diff.add_argument("--running", action="store_true", help="from what the running agent uses, instead")


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise ValueError(text)
    return value


def main(argv: Sequence[str] | None = None) -> int:
    options, rest = parser().parse_known_args(argv)
    if rest and options.command != "config":
        parser().error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        if options.command == "config":
            return _config(options, rest)
        if options.command == "run":
            return _run(options.manifests)
        if options.command == "pods" and options.watch:
            return watch(options.socket, options.interval, sys.stdout)
        return answer(options)
    except AskError as error:
        sys.stderr.write(f"podwright: {error}\n")
        return 1
    except BrokenPipeError:
        sys.stderr.close()  # the reader (head, less) has gone: nothing is left to say
        return 0
    except KeyboardInterrupt:
        return 130


def _config(options: argparse.Namespace, flags: Sequence[str]) -> int:
    from kubelet.operator.configuration import answer as config_answer

    running = ask(options.socket, "config") if getattr(options, "running", False) else None
    return config_answer(options.verb, flags, sources=getattr(options, "sources", False), output=options.output,
                         running=running)


def _run(manifests: str) -> int:
    from pathlib import Path

    from kubelet.operator.standalone import RunError, run

    try:
        return run(Path(manifests))
    except RunError as error:
        sys.stderr.write(f"podwright: {error}\n")
        return 1


def answer(options: argparse.Namespace) -> int:
    got = ask(options.socket, options.command, getattr(options, "pod", ""))
    svg = getattr(options, "svg", None)
    if svg:
        _write_picture(got, svg)
    if svg != "-":
        sys.stdout.write(formatted(got, options.command, options.output) + "\n")
        sys.stdout.flush()
    return 0


def formatted(got: dict[str, Any], command: str, output: str) -> str:
    """`got` as the operator asked to see it."""
    if output == "json":
        return json.dumps(got, indent=2, ensure_ascii=False)
    if output == "yaml":
        import yaml

        return str(yaml.safe_dump(got, sort_keys=False, allow_unicode=True)).rstrip()
    return _TEXTS[command](got)


def _write_picture(got: dict[str, Any], target: str) -> None:
    from kubelet.operator.picture import timeline_svg

    picture = timeline_svg(got)
    if target == "-":
        sys.stdout.write(picture)
        return
    try:
        with open(target, "w", encoding="utf-8") as file:
            file.write(picture)
    except OSError as error:
        raise AskError(f"the picture cannot be written to {target}: {error.strerror}") from None


if __name__ == "__main__":
    sys.exit(main())
