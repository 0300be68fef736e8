"""The fuzzer's targets hold for what hypothesis makes up, too, and its server answers whatever comes."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.fuzz import __main__ as fuzz
from conformance.fuzz import server
from conformance.fuzz.choices import Choices
from conformance.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_target_takes_anything(target: str) -> None:
    @settings(max_examples=150)
    @given(st.binary(max_size=600))
    def holds(data: bytes) -> None:
        TARGETS[target](data)

    holds()


def test_choices_end_in_zeroes() -> None:
    choices = Choices(b"\x05\x01ab")
    assert (choices.number(4), choices.flag(), choices.chunk(1), choices.left) == (1, True, b"a", 1)
    assert (choices.text(8), choices.number(300), choices.pick("xy"), choices.some(9)) == ("", 0, "x", b"")


async def test_the_server_answers_whatever_comes(tmp_path: Path) -> None:
    assert await server.run(1.0, 7, tmp_path) > 0


async def test_the_server_is_asked_as_often_as_it_is_told(tmp_path: Path) -> None:
    assert 50 <= await server.run(0, 7, tmp_path, inputs=50) < 50 + server.CONNECTIONS


@pytest.mark.parametrize(("said", "status", "problem"), [
    ("stat::number_of_executed_units: 300\nstat::peak_rss_mb:               81", 0, ""),
    ("stat::number_of_executed_units: 299", 0, "took 299 inputs, not 300"), ("", 0, "took 0 inputs, not 300"),
])  # fmt: skip
def test_a_target_that_took_fewer_inputs_is_broken(
    said: str, status: int, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PODWRIGHT_CACHE", str(tmp_path))
    program = tmp_path / "fuzzer"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setattr(fuzz.sys, "executable", str(program))
    assert fuzz.run_target("head", 1, 300).problem == problem


def test_figures_of_other_targets_stay() -> None:
    first = fuzz.table([fuzz.Result("spdy", 1, "", 80, 9.0), fuzz.Result("server", 2, "", 70, 8.0)])
    second = fuzz.table([fuzz.Result("spdy", 200_000, "", 81, 7.4)], first)
    assert [line for line in second.splitlines() if line.startswith("| s")] == [
        "| spdy | 200,000 | 7 s | 81 MB |", "| server | 2 | 8 s | 70 MB |"]
