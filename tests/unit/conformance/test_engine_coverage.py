"""conformance.engine_coverage: engines are read from fixtures."""

from conformance.engine_coverage import engines_by_test

CONFTEST = """
ENGINES = ("20.10", "29")
@pytest_asyncio.fixture(scope="session", params=ENGINES)
async def engine_node(request): ...
@pytest_asyncio.fixture
async def fresh_node():
    async with ThrowawayNode("fresh") as node: yield node
"""
HELPER = 'STORES: dict[str, object] = {"20.10-graph": 1, "29-containerd": 2}\n'
TESTS = """
@pytest_asyncio.fixture(params=STORES)
async def stores(request): ...
@pytest_asyncio.fixture
async def shim(engine_node): ...
@pytest_asyncio.fixture(params=["29"])
async def newest(request): ...
async def test_shared(shim): ...
async def test_fresh(fresh_node): ...
async def test_stores(stores): ...
async def test_newest(newest, tmp_path): ...
async def test_own():
    async with ThrowawayNode("own", engine_args=[]) as node: ...
async def test_named():
    async with ThrowawayNode("own", engine=None) as node: ...
def test_none(tmp_path): ...
@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
async def test_parametrized(how, engine_node): ...
"""


def test_engines() -> None:
    found = engines_by_test({"t.py": TESTS}, [CONFTEST, HELPER])
    assert {name.removeprefix("t.py::test_"): engines for name, engines in found.items()} == {
        "shared": ("20.10", "29"), "fresh": ("20.10",), "stores": ("20.10", "29"), "newest": ("29",), "own": ("20.10",),
        "named": (), "none": (), "parametrized": ("20.10", "29"),
    }
