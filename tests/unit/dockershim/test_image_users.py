"""The group of a user in an image: read from its /etc/passwd, once, leaving nothing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from fake_engine import FakeEngine

from cri import errors
from dockershim.engine import EngineClient, EngineError, EngineNotFoundError
from dockershim.image_users import ImageUsers, primary_group
from dockershim.ports import Cleanups

PASSWD = b"root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:web:/:/bin/sh\n1000:x:7:8::/:/bin/sh\n\nbroken:x\nnone:x:9:\n"


@pytest.mark.parametrize(
    ("user", "group"),
    [("root", 0), ("web", 34), ("33", 34), ("1000", 8), ("7", 8), ("4711", 0), ("broken", 0), ("none", 0), ("", 0)],
)
def test_groups_of_users(user: str, group: int) -> None:
    assert primary_group(PASSWD, user) == group


@pytest_asyncio.fixture
async def fake(short_path: Path) -> AsyncIterator[FakeEngine]:
    async with FakeEngine(short_path / "docker.sock").serve() as fake:
        fake.images["i:1"] = {"Id": "sha256:" + "2" * 64, "Config": {"User": "web"}}
        fake.images["grouped:1"] = {"Id": "sha256:" + "3" * 64, "Config": {"User": "web:5"}}
        fake.images["plain:1"] = {"Id": "sha256:" + "4" * 64}
        fake.files["/etc/passwd"] = PASSWD
        yield fake


@pytest_asyncio.fixture
async def users(fake: FakeEngine) -> AsyncIterator[ImageUsers]:
    engine = EngineClient(f"unix://{fake.socket}")
    yield ImageUsers(engine, Cleanups())
    await engine.close()


@pytest.mark.parametrize(
    ("image", "user", "told"),
    [
        ("i:1", "root", "root:0"), ("i:1", "", "web:34"), ("grouped:1", "", "web:5"), ("plain:1", "", "0:0"),
        ("grouped:1", "1000", "1000:8"), ("i:1", "5:6", "5:6"),
    ],
)
async def test_users_are_told_with_their_group(
    users: ImageUsers, fake: FakeEngine, image: str, user: str, told: str
) -> None:
    assert await users.with_group(image, user) == told
    assert fake.containers == {}


async def test_an_image_is_looked_into_once(users: ImageUsers, fake: FakeEngine) -> None:
    assert await asyncio.gather(*(users.with_group("i:1", user) for user in ("33", "web", ""))) == [
        "33:34", "web:34", "web:34",
    ]  # fmt: skip
    assert fake.calls.count("POST /containers/create") == 1


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "33:0"),
        ({"/etc/passwd": "../usr/etc/passwd", "/usr/etc/passwd": PASSWD}, "33:34"),
        ({"/etc/passwd": "/store/passwd", "/store/passwd": PASSWD}, "33:34"),
        ({"/etc/passwd": "nowhere"}, "33:0"),
    ],
)
async def test_passwd_may_be_absent_or_a_link(
    users: ImageUsers, fake: FakeEngine, files: dict[str, bytes | str], told: str
) -> None:
    fake.files = files
    assert await users.with_group("i:1", "33") == told


async def test_what_cannot_be_read_leaves_nothing_and_is_not_kept(users: ImageUsers, fake: FakeEngine) -> None:
    fake.files["/etc/passwd"] = "passwd"
    with pytest.raises(errors.InvalidArgumentError, match="links"):
        await users.with_group("i:1", "33")
    fake.files["/etc/passwd"] = b"x" * (1 << 21)
    with pytest.raises(EngineError, match="more than"):
        await users.with_group("i:1", "33")
    fake.fail["/archive"] = 500
    with pytest.raises(EngineError, match="told to fail"):
        await users.with_group("i:1", "33")
    with pytest.raises(EngineNotFoundError):
        await users.with_group("absent:1", "33")
    assert fake.containers == {}
    fake.files["/etc/passwd"] = PASSWD
    assert await users.with_group("i:1", "33") == "33:34"
