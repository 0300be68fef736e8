"""`make fuzz`: every target for some seconds, with what was found kept; ends with 1 when something broke.

    python -m conformance.fuzz [--seconds N] [--jobs N] [TARGET…]
    python -m conformance.fuzz --reproduce FILE TARGET

Inputs that reach new code are kept in $PODWRIGHT_CACHE/fuzz/TARGET, so that each run goes on where the last one ended.
"""

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from conformance.builds import cache_dir

SERVER = "server"
MODULES = ("cri.streaming", "kubelet.server", "kubelet.logs.options", "kubelet.config.layout", "kubelet.certificates",
           "kubelet.apiclient.kubeconfig", "kubelet.api.yamljson")  # fmt: skip
RSS_MEGABYTES, INPUT_SECONDS, MAX_BYTES = 1024, 10, 4096
_EXECUTED = re.compile(rb"stat::number_of_executed_units: (\d+)")


@dataclass(frozen=True, slots=True)
class Result:
    target: str
    inputs: int
    problem: str = ""


def names() -> list[str]:
    from conformance.fuzz.targets import TARGETS

    return [*TARGETS, SERVER]


def run_target(target: str, seconds: int) -> Result:
    """In a process of its own: a crash of the interpreter is a finding, too."""
    artifacts = cache_dir() / "fuzz" / "found"
    artifacts.mkdir(parents=True, exist_ok=True)
    begin = time.time()
    command = [sys.executable, "-m", "conformance.fuzz", "--child", str(seconds), target]
    done = subprocess.run(command, capture_output=True, check=False, timeout=seconds * 3 + 120)
    output = done.stdout + done.stderr
    counted = _EXECUTED.search(output)
    inputs = int(counted.group(1)) if counted else 0
    if done.returncode == 0:
        return Result(target, inputs)
    kept = [str(file) for file in artifacts.glob(f"{target}-*") if file.stat().st_mtime >= begin]
    return Result(target, inputs, f"{output[-4000:].decode(errors='replace')}\ninput kept in: {', '.join(kept) or '-'}")


def child(target: str, seconds: int) -> int:
    """Fuzzes in this process; the number of inputs goes to standard error as libFuzzer writes it."""
    if target == SERVER:
        import logging

        from conformance.fuzz.server import run

        logging.disable(logging.CRITICAL)
        with tempfile.TemporaryDirectory() as scratch:
            (Path(scratch) / "svc.log").write_text("a line\n")
            done = asyncio.run(run(seconds, time.time_ns(), Path(scratch)))
        print(f"stat::number_of_executed_units: {done}", file=sys.stderr)
        return 0
    import atheris

    with atheris.instrument_imports(include=list(MODULES)):
        from conformance.fuzz.targets import TARGETS
    corpus, found = cache_dir() / "fuzz" / target, cache_dir() / "fuzz" / "found" / target
    corpus.mkdir(parents=True, exist_ok=True)
    atheris.Setup([
        sys.argv[0], f"-max_total_time={seconds}", f"-rss_limit_mb={RSS_MEGABYTES}", f"-timeout={INPUT_SECONDS}",
        f"-max_len={MAX_BYTES}", f"-artifact_prefix={found}-", "-print_final_stats=1", str(corpus),
    ], TARGETS[target])  # fmt: skip
    atheris.Fuzz()
    return 0


def reproduce(target: str, file: Path) -> int:
    from conformance.fuzz.targets import TARGETS

    TARGETS[target](file.read_bytes())
    print(f"{target} takes {file} without an error")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--jobs", type=int, default=2, help="targets at once (default: 2)")
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="run one target over one input")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    options = parser.parse_args()
    if options.child is not None:
        return child(options.targets[0], options.child)
    chosen = options.targets or names()
    if unknown := set(chosen) - set(names()):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(names())}")
    if options.reproduce:
        return reproduce(chosen[0], options.reproduce)
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda target: run_target(target, options.seconds), chosen))
    for result in results:
        print(f"{result.target:<10} {result.inputs:>10} inputs  {'BROKEN' if result.problem else 'ok'}")
    print(f"{sum(result.inputs for result in results)} inputs")
    for result in results:
        if result.problem:
            print(f"\n== {result.target}\n{result.problem}")
    return 1 if any(result.problem for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
