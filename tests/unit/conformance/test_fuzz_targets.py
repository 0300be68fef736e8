"""The fuzzer's targets hold for what hypothesis makes up, too, and its server answers whatever comes."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
