"""Writes the tables of docs/dockershim.md from the tests: every RPC of CRI v1, and every gap that cri-dockerd leaves.

    service.py ──(which RPCs answer UNIMPLEMENTED)──┐
    api.proto's descriptor ──(every RPC)────────────┼─▶ table 1: RPC · state · tests that call it
    tests/**/test_*.py ──(who calls what, where)────┘
    GAPS ──(each names its tests, which must exist)───▶ table 2: what cri-dockerd lacks · ours · tests

A test shows an RPC when its body calls the method of that name, itself or through a function of its file or of the
shared helpers. So a row's claim stands and falls with tests: an RPC that none of them calls is "not shown", and the
engines of a row are those that its tests run on (`engine_coverage`). NOTES says what an RPC does only sometimes.

`python -m conformance.dockershim_table` prints the page; `--write` puts it in place. A unit test holds it fresh.
"""

import argparse
import ast
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.engine_coverage import ENGINES, engines_by_test
from cri.v1 import api_pb2

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "dockershim.md"
BEGIN, END = "<!-- tables: begin (conformance.dockershim_table) -->", "<!-- tables: end -->"
TESTS = (
    "tests/node/test_dockershim_*.py", "tests/node/test_streaming_*.py", "tests/node/test_logs_*.py",
    "tests/node/test_network_*.py", "tests/unit/dockershim/test_*.py", "tests/unit/dockershim_*/test_*.py",
)
HELPERS = ("tests/node/shim_under_test.py", "tests/unit/dockershim/conftest.py")
MISSING_IN_CRI_DOCKERD = frozenset((
    "PodSandboxStats", "ListPodSandboxStats", "CheckpointContainer", "GetContainerEvents", "ListMetricDescriptors",
    "ListPodSandboxMetrics", "UpdatePodSandboxResources", "StreamPodSandboxes", "StreamContainers",
    "StreamContainerStats", "StreamPodSandboxStats", "StreamPodSandboxMetrics", "StreamImages", "ReopenContainerLog",
))
"""RPCs that its server leaves to the embedded "unimplemented" one, or that always fail (contract 7.1)."""
CLIENT_NAMES = {"events": "GetContainerEvents"}
"""Methods of our client that are not named as their RPC."""
_SHOWN = 3
"""Tests named per row."""


NOTES = {
    "CheckpointContainer": "works on an experimental engine whose host has CRIU, else UNIMPLEMENTED; tested with a "
                           "stand-in for CRIU",
    "UpdatePodSandboxResources": "taken note of: the kubelet sizes the pod's cgroup itself",
    "UpdateRuntimeConfig": "works: the pod CIDR goes to CNI configurations that ask for it",
    "ListPodSandboxMetrics": "works; whole numbers only, as CRI has them",
    "ReopenContainerLog": "works for running containers; the log of an ended one is complete",
    "ExecSync": "works; in gVisor a command that times out is let go, not ended",
}


class TableError(RuntimeError):
    """The tables claim something that the tests do not hold."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One defect of cri-dockerd (contract 7.2): what it does, what ours does, and the tests that show it."""

    area: str
    theirs: str
    ours: str
    tests: tuple[str, ...]


GAPS = (
    Gap("Logs", "log path is a link to Docker's json-file; no CRI format, no rotation; other log drivers break it",
        "CRI files written by a process of ours, rotated and reopened, whatever the engine's default driver",
        ("test_killed_log_process_and_rotation_under_load", "test_logs_go_on_while_the_dockershim_is_away",
         "test_partial_lines_and_streams", "test_engine_defaults_do_not_matter")),
    Gap("ContainerStatus", "no resources, user, image id, stop signal, propagation",
        "all of them, from inspect, the image and /proc",
        ("test_a_status_has_all_its_facts", "test_mounts_namespaces_and_stats",
         "test_security_context_reaches_the_process", "test_image_ids_agree_whatever_the_name")),
    Gap("Error codes", "NotFound from StopContainer only, else Unknown", "one table from engine errors to gRPC codes",
        ("test_unknown_ids", "test_create_calls_are_idempotent", "test_pulls_that_fail",
         "test_a_container_that_cannot_start_says_why")),
    Gap("Contexts", "its own timeout of two minutes; cancellation ignored",
        "the caller's deadline and cancellation reach the engine call, and nothing half-made stays",
        ("test_a_caller_that_goes_away_leaves_nothing", "test_the_client_has_deadlines")),
    Gap("Resources", "swap limit is always the memory limit; hugepages and `unified` dropped",
        "swap as asked for; hugepages and `unified` written to the cgroup at start and on update",
        ("test_resources", "test_limits_that_the_engine_does_not_know", "test_limits_are_written_where_there_is_a_file",
         "test_security_context_reaches_the_process")),
    Gap("Security", "group policy, ambient capabilities, user namespaces ignored in silence; no image volumes",
        "what the engine can is done (image volumes from Engine 28); the rest is refused with a clear code",
        ("test_security_contexts", "test_what_the_engine_cannot_do_is_refused", "test_image_volumes",
         "test_strict_groups_are_those_that_were_asked_for",
         "test_what_cannot_be_is_refused_with_a_reason")),
    Gap("Stats", "working set is usage; no rates, rss, faults, swap, pressure, inodes; layer sizes cost disk storms",
        "cgroup files read when asked; layers walked rarely, found also on containerd's image store",
        ("test_stats_and_metrics", "test_every_field_of_the_stats_is_filled",
         "test_the_writable_layer_is_found_in_the_process_own_mounts")),
    Gap("ImageFsInfo", "walks every image; equal sizes counted once; fails on containerd's store",
        "one disk-usage call per image change, both kinds of file system, on both stores",
        ("test_image_file_systems",)),
    Gap("Engine facts", "info and version cached for ever", "read again on each connect; an outage is told at once",
        ("test_the_engine_restarts", "test_the_engine_comes_later",
         "test_an_outage_is_said_and_what_happened_meanwhile_is_told")),
    Gap("ExecSync", "a timeout leaves the process; an unknown end is success",
        "all of the exec's processes are killed, daemons too; the real exit code; output capped",
        ("test_exec_sync", "test_exec_output_is_capped", "test_a_timeout_ends_daemons_and_leaves_no_zombies",
         "test_a_probe_that_goes_away_ends_its_command")),
    Gap("Checkpoints", "missing", "a running container's processes and files in CRI-O's archive, where the engine can",
        ("test_a_checkpoint_holds_processes_files_and_facts",
         "test_a_checkpoint_that_fails_leaves_the_container_running_and_nothing_else")),
    Gap("Engine restarts", "noticed when a call fails; state is asked for again and again",
        "noticed at once, with and without live-restore; state read anew, subscribers told; one that hangs on a "
        "container delays that one only",
        ("test_pods_run_on_through_engine_restarts_with_live_restore",
         "test_an_engine_that_is_killed_under_load_leaves_nothing_behind", "test_a_killed_containerd_does_not_end_pods",
         "test_all_other_calls_are_answered_meanwhile", "test_a_reconnect_does_not_wait_for_it")),
    Gap("Pulls", "`auth.auth` ignored; cut off after a minute without progress",
        "every form of credentials; only a pull that stands still is given up; bytes and rate are told",
        ("test_pulls", "test_every_form_of_auth", "test_tokens_are_passed_on",
         "test_slow_pulls_end_and_silent_ones_are_given_up", "test_a_pull_ends_with_its_caller")),
    Gap("Pinned images", "the pause image; others by flags since 2026", "the same flags", ("test_pinned_images",)),
    Gap("Socket activation", "works: kept", "systemd's socket is taken, by `fd://` or by its path",
        ("test_clients_wait_while_an_activated_dockershim_restarts", "test_every_flag_of_cri_dockerd_is_known")),
    Gap("Sandbox stop", "other containers survive; a failed network leaves the sandbox",
        "containers, network, pause in order; a failed start leaves nothing",
        ("test_a_pod_lives_and_leaves_nothing", "test_a_failed_network_leaves_no_sandbox",
         "test_a_network_that_fails_leaves_nothing")),
    Gap("Network", "no use of cached results after the engine was lost; no collection of leaks",
        "recorded before it is made, DEL as it was ADDed, leaks collected, namespaces held, CNI up to 1.1",
        ("test_tear_down_by_a_new_process_without_namespace_after_the_configuration_changed",
         "test_tear_down_with_what_is_left", "test_killed_in_the_middle", "test_plugin_that_misbehaves",
         "test_garbage_of_dead_sandboxes_is_collected_and_the_living_kept", "test_verbs_of_1_1",
         "test_changed_conflist_is_used_by_the_next_pod", "test_killed_while_plugins_are_at_work",
         "test_namespaces_of_running_sandboxes_are_held_again")),
    Gap("Events", "clients have to poll", "the engine's events feed GetContainerEvents and the lists",
        ("test_events_carry_the_whole_pod", "test_lists_ask_the_engine_nothing")),
    Gap("cAdvisor labels", "per-container metrics without pod, namespace and container",
        "cAdvisor's families with the pod's labels by ListPodSandboxMetrics",
        ("test_stats_and_metrics", "test_every_sample_fits_its_descriptor")),
    Gap("Runtime handlers", "works: kept", "every runtime of the engine is a handler; crun and gVisor run pods",
        ("test_each_handler_runs_a_pod", "test_an_unknown_handler_is_refused", "test_status_names_the_handlers")),
    Gap("Recursive read-only, CDI, sysctls, seccomp, pinned pause image", "works: kept", "the same",
        ("test_mounts", "test_a_container", "test_a_sandbox", "test_security_contexts", "test_images")),
    Gap("Streaming", "works: kept", "SPDY and WebSocket, flow control, no process left behind",
        ("test_a_command_hears_and_is_heard", "test_a_client_that_does_not_read_holds_the_command_back",
         "test_a_command_dies_with_its_client", "test_ports_of_a_pod")),
    Gap("Pods of cri-dockerd", "–", "taken over: listed, stopped, removed, logs moved at the first rotation",
        ("test_pods_of_cri_dockerd_are_taken_over", "test_container_of_cri_dockerd_is_moved_over_at_its_first_rotation",
         "test_names_are_those_of_cri_dockerd")),
)


def rpcs() -> list[str]:
    """Every RPC of both services, in the protocol's order."""
    services = api_pb2.DESCRIPTOR.services_by_name
    return [method.name for name in ("RuntimeService", "ImageService") for method in services[name].methods]


def refusals(source: str) -> dict[str, str]:
    """RPCs of which the service's method does nothing but raise UnimplementedError, with its text."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AsyncFunctionDef) and isinstance(node.body[0], ast.Raise):
            error = node.body[0].exc
            if isinstance(error, ast.Call) and ast.unparse(error.func) == "UnimplementedError":
                text = error.args[0]
                found[node.name] = str(text.value) if isinstance(text, ast.Constant) else ast.unparse(text)
    return found


def calls_by_test(sources: Mapping[str, str], helpers: Iterable[str]) -> dict[str, set[str]]:
    """`file::test` to the names of all that it calls, helpers' calls included."""
    shared: dict[str, set[str]] = {}
    for source in helpers:
        shared.update(_called(source))
    found = {}
    for file, source in sources.items():
        functions = {**shared, **_called(source)}
        for name in functions:
            if name.startswith("test_"):
                found[f"{file}::{name}"] = _closure(name, functions)
    return found


def _called(source: str) -> dict[str, set[str]]:
    """Function or method name to the last parts of the names that its body calls; `cri.X()` makes a message."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = found.setdefault(node.name, set())
            for inner in ast.walk(node):
                if not isinstance(inner, ast.Call):
                    continue
                if isinstance(inner.func, ast.Name):
                    names.add(inner.func.id)
                elif isinstance(inner.func, ast.Attribute) and ast.unparse(inner.func.value) != "cri":
                    names.add(CLIENT_NAMES.get(inner.func.attr, inner.func.attr))
    return found


def _closure(name: str, functions: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    pending = [name]
    while pending:
        for called in functions.get(pending.pop(), set()) - seen:
            seen.add(called)
            if called in functions:
                pending.append(called)
    return seen


def rpc_table(
    calls: Mapping[str, set[str]], refused: Mapping[str, str], engines: Mapping[str, tuple[str, ...]]
) -> list[str]:
    lines = ["| RPC | cri-dockerd | here | engines | shown by |", "|---|---|---|---|---|"]
    for rpc in rpcs():
        theirs = "missing" if rpc in MISSING_IN_CRI_DOCKERD else "has it"
        state = f"refused, UNIMPLEMENTED: {refused[rpc]}" if rpc in refused else NOTES.get(rpc, "works")
        tests = sorted((test for test, names in calls.items() if rpc in names), key=_fewest_calls_first(calls))
        if not tests:
            state = state if rpc in refused else "not shown"
        lines.append(f"| {rpc} | {theirs} | {state} | {_engines_cell(tests, engines)} | {_tests_cell(tests)} |")
    return lines


def _fewest_calls_first(calls: Mapping[str, set[str]]) -> Callable[[str], tuple[bool, int, str]]:
    """The most specific tests first, those on a real engine before those in memory."""
    every = set(rpcs())
    return lambda test: ("/unit/" in f"/{test}", len(calls[test] & every), test)


def gap_table(known: Iterable[str], engines: Mapping[str, tuple[str, ...]]) -> list[str]:
    by_name: dict[str, str] = {}
    for test in known:
        by_name.setdefault(test.rpartition("::")[2], test)
    lines = ["| area | cri-dockerd | here | engines | shown by |", "|---|---|---|---|---|"]
    for gap in GAPS:
        missing = [test for test in gap.tests if test not in by_name]
        if missing:
            raise TableError(f"{gap.area}: no test is named {', '.join(missing)}; name those that show it now")
        tests = [by_name[test] for test in gap.tests]
        cells = (gap.area, gap.theirs, gap.ours, _engines_cell(tests, engines), _tests_cell(tests, 9))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _engines_cell(tests: Iterable[str], engines: Mapping[str, tuple[str, ...]]) -> str:
    """Those that any of the tests runs on; a unit test has the engine in memory."""
    ran_on = {engine for test in tests for engine in engines.get(test, ())}
    return ", ".join(engine for engine in ENGINES if engine in ran_on) or "in memory"


def _tests_cell(tests: list[str], at_most: int = _SHOWN) -> str:
    """Test names, with those on real engines marked."""
    shown = [f"`{test.rpartition('::')[2]}`{'' if 'unit/' in test else ' (engine)'}" for test in tests[:at_most]]
    more = ", and others" if len(tests) > at_most else ""
    return ", ".join(shown) + more if shown else "–"


def tables(root: Path = ROOT) -> str:
    files = sorted(path for pattern in TESTS for path in root.glob(pattern))
    sources = {str(path.relative_to(root)): path.read_text() for path in files}
    calls = calls_by_test(sources, [(root / helper).read_text() for helper in HELPERS])
    refused = refusals((root / "dockershim/service.py").read_text())
    shared = [(root / file).read_text() for file in ("tests/node/conftest.py", *HELPERS)]
    engines = engines_by_test({file: source for file, source in sources.items() if "/unit/" not in file}, shared)
    return "\n".join([
        "### Every RPC", "", *rpc_table(calls, refused, engines), "", "### What cri-dockerd lacks or does badly", "",
        *gap_table(calls, engines),
    ])


def updated(page: str, content: str) -> str:
    """The page with `content` between its marks. Raises TableError when it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise TableError(f"{PAGE}: lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"


def main(arguments: list[str] | None = None) -> int:
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m conformance.dockershim_table", description=summary)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/dockershim.md")
    parsed = parser.parse_args(arguments)
    try:
        if parsed.write:
            PAGE.write_text(updated(PAGE.read_text(), tables()))
        else:
            sys.stdout.write(tables() + "\n")
    except TableError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
