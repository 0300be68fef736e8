"""packaging/systemd: what the units say is what the program takes."""

import configparser
import shlex
from pathlib import Path

from dockershim.__main__ import check_endpoints
from dockershim.flags import parse

UNITS = Path(__file__).parents[3] / "packaging/systemd"


def unit(name: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string((UNITS / name).read_text())
    return parsed


def test_the_service_starts_with_flags_that_are_there() -> None:
    program, *words = shlex.split(unit("dockershim.service")["Service"]["ExecStart"])
    flags, remarks = parse(words)
    check_endpoints(flags)
    assert program == "/usr/bin/dockershim" and not remarks


def test_the_socket_unit_listens_where_the_service_would() -> None:
    words = shlex.split(unit("dockershim.service")["Service"]["ExecStart"])[1:]
    listens = unit("dockershim.socket")["Socket"]["ListenStream"]
    assert parse(words)[0].container_runtime_endpoint == f"unix://{listens}"
    assert unit("dockershim.socket")["Unit"]["PartOf"] == "dockershim.service"
