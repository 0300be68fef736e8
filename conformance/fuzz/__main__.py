"""`make fuzz`: every target for some seconds, with what was found kept; ends with 1 when something broke.

    python -m conformance.fuzz [--seconds N] [--jobs N] [TARGET…]
    python -m conformance.fuzz --inputs N [--seconds N] [TARGET…]     a number of inputs, however long it takes
    python -m conformance.fuzz --reproduce FILE TARGET

Inputs that reach new code are kept in $PODWRIGHT_CACHE/fuzz/TARGET, so that each run goes on where the last one ended.
With --inputs, a target that took fewer counts as broken, and the figures go into SPEC.md.
"""

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from conformance import specfile
from conformance.builds import cache_dir

SERVER = "server"
MODULES = ("cri.streaming", "kubelet.server", "kubelet.logs.options", "kubelet.config.layout", "kubelet.certificates",
           "kubelet.apiclient.kubeconfig", "kubelet.api.yamljson")  # fmt: skip
RSS_MEGABYTES, INPUT_SECONDS, MAX_BYTES = 1024, 10, 4096
INPUTS_SECONDS = 3600
"""Longer than this no target may need for the inputs that were asked for."""
BEGIN, END = specfile.markers("fuzz", "make fuzz FUZZ_INPUTS=200000")
_EXECUTED = re.compile(rb"stat::number_of_executed_units: *(\d+)")
_PEAK = re.compile(rb"stat::peak_rss_mb: *(\d+)")


@dataclass(frozen=True, slots=True)
class Result:
    target: str
    inputs: int
    problem: str = ""
    peak_megabytes: int = 0
    seconds: float = 0.0


def names() -> list[str]:
    from conformance.fuzz.targets import TARGETS

    return [*TARGETS, SERVER]


def run_target(target: str, seconds: int, inputs: int = 0) -> Result:
    """In a process of its own: a crash of the interpreter is a finding, too."""
    artifacts = cache_dir() / "fuzz" / "found"
    artifacts.mkdir(parents=True, exist_ok=True)
    begin = time.time()
    command = [sys.executable, "-m", "conformance.fuzz", "--child", "--seconds", str(seconds), "--inputs", str(inputs),
               target]
    allowed = INPUTS_SECONDS + 120 if inputs else seconds * 3 + 120
    done = subprocess.run(command, capture_output=True, check=False, timeout=allowed)
    output = done.stdout + done.stderr
    took = time.time() - begin
    counted, peak = (_number(pattern, output) for pattern in (_EXECUTED, _PEAK))
    if done.returncode == 0:
        short = f"took {counted} inputs, not {inputs}" if counted < inputs else ""
        return Result(target, counted, short, peak, took)
    kept = [str(file) for file in artifacts.glob(f"{target}-*") if file.stat().st_mtime >= begin]
    problem = f"{output[-4000:].decode(errors='replace')}\ninput kept in: {', '.join(kept) or '-'}"
    return Result(target, counted, problem, peak, took)


def _number(pattern: re.Pattern[bytes], output: bytes) -> int:
    found = pattern.search(output)
    return int(found.group(1)) if found else 0


def child(target: str, seconds: int, inputs: int) -> int:
    """Fuzzes in this process; the number of inputs goes to standard error as libFuzzer writes it."""
    if target == SERVER:
        return _fuzz_server(seconds, inputs)
    import atheris

    with atheris.instrument_imports(include=list(MODULES)):
        from conformance.fuzz.targets import TARGETS
    corpus, found = cache_dir() / "fuzz" / target, cache_dir() / "fuzz" / "found" / target
    corpus.mkdir(parents=True, exist_ok=True)
    limits = [f"-runs={inputs}", f"-max_total_time={INPUTS_SECONDS}"] if inputs else [f"-max_total_time={seconds}"]
    atheris.Setup([
        sys.argv[0], *limits, f"-rss_limit_mb={RSS_MEGABYTES}", f"-timeout={INPUT_SECONDS}",
        f"-max_len={MAX_BYTES}", f"-artifact_prefix={found}-", "-print_final_stats=1", str(corpus),
    ], TARGETS[target])  # fmt: skip
    atheris.Fuzz()
    return 0


def _fuzz_server(seconds: int, inputs: int) -> int:
    import logging
    import resource

    from conformance.fuzz.server import run

    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "svc.log").write_text("a line\n")
        done = asyncio.run(run(seconds, time.time_ns(), Path(scratch), inputs))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"stat::number_of_executed_units: {done}\nstat::peak_rss_mb: {peak}", file=sys.stderr)
    return 0


def table(results: list[Result], before: str = "") -> str:
    """The figures as SPEC.md shows them: those of `before`, what it showed so far, stay for targets not among them."""
    rows = {line.split("|")[1].strip(): line for line in before.splitlines() if line.startswith("| ")}
    rows |= {result.target: f"| {result.target} | {result.inputs:,} | {result.seconds:.0f} s | "
                            f"{result.peak_megabytes} MB |" for result in results}
    return "\n".join([
        f"Nothing crashed, hung for {INPUT_SECONDS} s, answered much more than it was sent, or grew beyond "
        f"{RSS_MEGABYTES} MB ({os.cpu_count()} cores, busy with other tests).", "",
        "| target | inputs | in | memory at most |", "|---|---|---|---|",
        *(rows[name] for name in names() if name in rows)])


def reproduce(target: str, file: Path) -> int:
    from conformance.fuzz.targets import TARGETS

    TARGETS[target](file.read_bytes())
    print(f"{target} takes {file} without an error")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--inputs", type=int, default=0, help="for each target, instead of --seconds")
    parser.add_argument("--jobs", type=int, default=2, help="targets at once (default: 2)")
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="run one target over one input")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    options = parser.parse_args()
    if options.child:
        return child(options.targets[0], options.seconds, options.inputs)
    chosen = options.targets or names()
    if unknown := set(chosen) - set(names()):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(names())}")
    if options.reproduce:
        return reproduce(chosen[0], options.reproduce)
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda target: run_target(target, options.seconds, options.inputs), chosen))
    for result in results:
        print(f"{result.target:<10} {result.inputs:>10} inputs {result.seconds:6.0f} s {result.peak_megabytes:6} MB  "
              f"{'BROKEN' if result.problem else 'ok'}")
    print(f"{sum(result.inputs for result in results)} inputs")
    for result in results:
        if result.problem:
            print(f"\n== {result.target}\n{result.problem}")
    if any(result.problem for result in results):
        return 1
    if options.inputs:
        specfile.write(BEGIN, END, table(results, specfile.read(BEGIN, END)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
