"""docs/dockershim.md says what the tests show, and nothing that they do not."""

import pytest

from conformance import dockershim_table as table


def test_the_page_is_fresh() -> None:
    page = table.PAGE.read_text()
    assert page == table.updated(page, table.tables()), "run `python -m conformance.dockershim_table --write`"


def test_every_rpc_is_shown_by_a_test() -> None:
    assert len(table.rpcs()) == 41
    assert "not shown" not in table.tables()
    assert set(table.rpcs()) >= table.MISSING_IN_CRI_DOCKERD


def test_calls_are_found_through_helpers_and_messages_are_no_calls() -> None:
    helper = "class Shim:\n async def status(self):\n  return await self.runtime.ContainerStatus(cri.Image())\n"
    source = (
        "async def local(shim):\n return await shim.status()\n"
        "async def test_a(shim):\n await local(shim)\n async for event in shim.runtime.events(): pass\n"
        "async def test_b():\n assert cri.Status()\n"
    )
    calls = table.calls_by_test({"t.py": source}, [helper])
    assert {"ContainerStatus", "GetContainerEvents", "status", "local"} <= calls["t.py::test_a"]
    assert not calls["t.py::test_b"] & set(table.rpcs())


def test_refusals_are_read_from_the_service() -> None:
    source = (
        "class S:\n async def A(self): raise UnimplementedError('no')\n"
        " async def B(self):\n  x()\n  raise UnimplementedError('other')\n async def C(self): raise ValueError('x')\n"
    )
    assert table.refusals(source) == {"A": "no"}


def test_a_gap_whose_test_is_gone_is_an_error() -> None:
    with pytest.raises(table.TableError, match="no test is named"):
        table.gap_table(["f.py::test_something_else"], {})


def test_a_page_without_marks_is_an_error() -> None:
    with pytest.raises(table.TableError, match="lacks the lines"):
        table.updated("nothing", "x")
