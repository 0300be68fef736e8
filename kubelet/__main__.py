"""`kubelet`: reads its configuration, says in one line what is wrong with it, and runs the agent until a signal."""

import asyncio
import gc
import logging
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from kubelet.config import ConfigError, Options, PrintAndExit, load
from kubelet.lockfile import locked
from kubelet.logsetup import set_up_logging
from kubelet.version import KUBERNETES_VERSION, PODWRIGHT_VERSION

logger = logging.getLogger("kubelet")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    try:
        options = load(arguments)
    except PrintAndExit as answer:
        sys.stdout.write(answer.text.rstrip("\n") + "\n")
        return 0
    except ConfigError as error:
        sys.stderr.write("".join(f"kubelet: {line}\n" for line in refusals(arguments, error)))
        return 1
    log = options.config.logging
    set_up_logging(log.verbosity, log.format, [(item.file_pattern, item.verbosity) for item in log.vmodule])
    logger.info("Starting Podwright version=%s kubernetes=%s", PODWRIGHT_VERSION, KUBERNETES_VERSION)
    for warning in options.warnings:
        logger.warning("%s", warning)
    from kubelet.app import AgentError

    try:
        asyncio.run(_run(options))
    except AgentError as error:
        sys.stderr.write(f"kubelet: {error}\n")
        return 1
    return 0


def refusals(argv: Sequence[str], error: ConfigError) -> list[str]:
    """Everything that keeps the agent from starting, with file and line, as `podwright config validate` says it."""
    from kubelet.config.check import check

    return [str(finding) for finding in check(argv) if finding.error] or [str(error)]


def raise_open_files(limit: int) -> None:
    """maxOpenFiles, or as many as this process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, hard) if hard >= 0 else limit, hard))
        logger.info("maxOpenFiles is more than this process may have wanted=%d allowed=%d", limit, hard)


async def _run(options: Options) -> None:
    """The agent until SIGTERM or SIGINT."""
    from kubelet.app import serve

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Everything imported and wired by then lives as long as the process: the collector need not look at it again.
    loop.call_later(10, gc.freeze)
    flags = options.flags
    raise_open_files(options.config.max_open_files)
    if flags.lock_file:
        async with locked(Path(flags.lock_file), stop, exit_on_contention=flags.exit_on_lock_contention):
            await serve(options, stop)
    else:
        await serve(options, stop)
    logger.info("The agent has stopped; its pods run on")


if __name__ == "__main__":
    sys.exit(main())
