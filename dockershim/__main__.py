"""`dockershim`: parse flags, serve until SIGTERM or SIGINT."""

import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from dockershim.flags import FlagError, Flags, parse, usage

logger = logging.getLogger(__name__)

_DEBUG_VERBOSITY = 4
_LEVELS = {
    "trace": logging.DEBUG, "debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING,
    "warn": logging.WARNING, "error": logging.ERROR, "fatal": logging.CRITICAL, "panic": logging.CRITICAL,
}
ACTIVATED = "fd://"
"""The endpoint of cri-dockerd's own unit file: the socket that systemd listens on for us."""


def main(argv: list[str] | None = None) -> int:
    try:
        flags, remarks = parse(sys.argv[1:] if argv is None else argv, os.environ)
        if flags.log_level.lower() not in _LEVELS:
            raise FlagError(f"--log-level={flags.log_level}: use debug, info, warning or error")
        check_endpoints(flags)
    except FlagError as error:
        print(f"dockershim: {error}", file=sys.stderr)  # noqa: T201 - logging is not set up yet
        return 1
    if flags.help:
        print(usage())  # noqa: T201 - the answer to --help
        return 0
    if flags.version:
        print(f"dockershim {_version()}")  # noqa: T201 - the answer to --version
        return 0
    if flags.buildinfo:
        print(_build_info())  # noqa: T201 - the answer to --buildinfo
        return 0
    level = logging.DEBUG if flags.v >= _DEBUG_VERBOSITY else _LEVELS[flags.log_level.lower()]
    logging.basicConfig(level=level, format="%(asctime)s %(levelname).1s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("grpc").setLevel(logging.WARNING)  # at debug it tells of every wake-up of its loop
    for remark in remarks:
        logger.warning("%s", remark)
    try:
        listening = _listening(flags)  # before the event loop opens files of its own
        asyncio.run(_serve(flags, *listening))
    except (OSError, ValueError) as error:
        return _cannot_run(error)
    except ExceptionGroup as group:
        known, others = group.split((OSError, ValueError))
        if others is not None or known is None:
            raise
        return _cannot_run(*_leaves(known))
    return 0


def check_endpoints(flags: Flags) -> None:
    """Raises FlagError for addresses that nobody could listen on or connect to."""
    listen, engine = flags.container_runtime_endpoint, flags.docker_endpoint
    if listen != ACTIVATED and not listen.startswith(("unix:///", "/")):
        raise FlagError(f"--container-runtime-endpoint={listen}: use unix:///path/to/the.sock or {ACTIVATED}")
    if not engine.startswith(("unix:///", "tcp://", "/")):
        raise FlagError(f"--docker-endpoint={engine}: use unix:///path/to/the.sock or tcp://host:port")


def _cannot_run(*errors: Exception) -> int:
    for error in errors:
        logger.error("dockershim cannot run: %s", error)
    return 1


def _leaves(group: ExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, ExceptionGroup) else [error]
    return found


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("podwright")
    except PackageNotFoundError:
        return "(source checkout)"


def _build_info() -> str:
    from importlib.metadata import version

    python = ".".join(map(str, sys.version_info[:3]))
    return f"Program: dockershim\nVersion: {_version()}\nPython version: {python}\ngRPC version: {version('grpcio')}"


def _listening(flags: Flags) -> tuple[str, socket.socket | None]:
    """Where our server listens, and the socket before it that systemd has handed to us. Raises ValueError."""
    from cri.client import normalize_endpoint
    from dockershim.activation import listener_at, take_sockets

    handed = take_sockets(os.environ)
    behind = f"{flags.root_directory}/cri.sock"
    if flags.container_runtime_endpoint == ACTIVATED:
        if not handed:
            raise ValueError(
                f"--container-runtime-endpoint={ACTIVATED}: systemd has handed over no socket; start the socket unit, "
                "or listen at unix:///path/to/the.sock"
            )
        return behind, handed[0]
    path = normalize_endpoint(flags.container_runtime_endpoint).removeprefix("unix://")
    activated = listener_at(handed, path)
    return (path, None) if activated is None else (behind, activated)


async def _serve(flags: Flags, listen: str, inherited: socket.socket | None) -> None:
    from dockershim.logs import ContainerLogs
    from dockershim.network import CNINetwork
    from dockershim.service import add_services
    from dockershim.shim import Dockershim, Settings

    root = Path(flags.root_directory)
    await asyncio.to_thread(root.mkdir, parents=True, exist_ok=True, mode=0o700)
    plugins = [Path(part) for part in flags.cni_bin_dir.split(",") if part]
    network = CNINetwork(
        Path(flags.cni_conf_dir), plugins, Path(flags.cni_cache_dir), pins_dir=root / "netns"
    )
    if flags.pod_cidr:
        await network.set_pod_cidr(flags.pod_cidr)
    settings = Settings(
        listen=listen,
        docker_endpoint=flags.docker_endpoint,
        pause_image=flags.pod_infra_container_image,
        root_directory=root,
        pinned_images=flags.pinned_images,
        pinned_image_labels=flags.pinned_image_labels,
        pull_silence_seconds=flags.image_pull_progress_deadline,
        inherited=inherited,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    shim = Dockershim(settings, network, lambda engine_root: ContainerLogs(root / "logs", engine_root))
    add_services(shim)
    await shim.run(_notify_ready, stop)
    logger.info("stopped")


def _notify_ready() -> None:
    """Tell systemd (sd_notify(3)) that the socket answers."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        try:
            notify.connect("\0" + address[1:] if address.startswith("@") else address)
            notify.send(b"READY=1")
        except OSError as error:
            logger.warning("service manager was not told that we are ready address=%s error=%s", address, error)


if __name__ == "__main__":
    sys.exit(main())
