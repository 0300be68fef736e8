"""Names and keyrings: the grammar, and whose login is tried."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.images.keyring import (
    Credential,
    InvalidDockerConfigError,
    Keyring,
    parse_docker_config,
    read_node_config,
)
from kubelet.images.names import ImageName, InvalidImageNameError, parse_image_name, with_default_tag

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("busybox", ImageName("docker.io/library/busybox", "latest", "")),
        ("busybox:1.36", ImageName("docker.io/library/busybox", "1.36", "")),
        ("user/app", ImageName("docker.io/user/app", "latest", "")),
        ("index.docker.io/busybox", ImageName("docker.io/library/busybox", "latest", "")),
        ("localhost/app:x", ImageName("localhost/app", "x", "")),
        ("reg.example:5000/a/b__c.d-e:v1", ImageName("reg.example:5000/a/b__c.d-e", "v1", "")),
        (f"reg.example/a@sha256:{HEX}", ImageName("reg.example/a", "", f"sha256:{HEX}")),
        (f"reg.example/a:t@sha256:{HEX}", ImageName("reg.example/a", "t", f"sha256:{HEX}")),
        ("[fd00::1]:5000/a:1", ImageName("[fd00::1]:5000/a", "1", "")),
        ("Host/a", ImageName("Host/a", "latest", "")),
    ],
)
def test_parse(image: str, expected: ImageName) -> None:
    assert parse_image_name(image) == expected


@pytest.mark.parametrize(
    "image",
    [
        "",
        "Upper",
        "a:",
        "a@",
        "a@sha256:xyz",
        "-a",
        "a//b",
        "a/b/",
        ":1",
        HEX,
        "a b",
        "a:" + "x" * 129,
        "a/" + "b" * 256,
        "reg.example:port/a",
        "a:-x",
        "a@sha256:" + "0" * 31,
    ],
)
def test_what_is_no_name(image: str) -> None:
    with pytest.raises(InvalidImageNameError, match="couldn't parse image name"):
        parse_image_name(image)


@given(st.from_regex(r"[a-z0-9]{1,8}(/[a-z0-9]{1,8}){0,2}(:[a-z0-9]{1,8})?", fullmatch=True))
def test_the_default_tag_is_added_once(image: str) -> None:
    tagged = with_default_tag(image)
    assert tagged.startswith(image) and with_default_tag(tagged) == tagged
    assert parse_image_name(tagged) == parse_image_name(image)


@pytest.mark.parametrize(
    ("entries", "repository", "expected"),
    [
        (["reg.example"], "reg.example/a/b", ["reg.example"]),
        (["https://reg.example/v2/"], "reg.example/a", ["https://reg.example/v2/"]),
        (["*.example"], "reg.example/a", ["*.example"]),
        (["*.example"], "a.b.example/a", []),
        (["reg.example:1"], "reg.example/a", []),
        (["reg.example", "reg.example/a"], "reg.example/a/b", ["reg.example/a", "reg.example"]),
        (["reg.example/b"], "reg.example/a", []),
        (["https://index.docker.io/v1/"], "docker.io/library/busybox", ["https://index.docker.io/v1/"]),
        (["index.docker.io"], "reg.example/a", []),
    ],
)
def test_lookup(entries: list[str], repository: str, expected: list[str]) -> None:
    keyring = Keyring()
    keyring.add({entry: Credential(entry, "pw") for entry in entries})
    assert [credential.username for credential in keyring.lookup(repository)] == expected


def test_docker_config() -> None:
    data = b'{"auths": {"a": {"auth": "dTpwOnE="}, "b": {"username": "x", "password": "y"}}}'
    assert parse_docker_config(data, "f") == {"a": Credential("u", "p:q", "f"), "b": Credential("x", "y", "f")}
    assert parse_docker_config(b'{"a": {"auth": "dTpw"}}', "f", legacy=True) == {"a": Credential("u", "p", "f")}
    assert "p:q" not in repr(parse_docker_config(data, "f"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"auths": 1}',
        b'{"auths": {"a": 1}}',
        b'{"auths": {"a": {"auth": "!"}}}',
        b'{"auths": {"a": {"auth": "dQ=="}}}',
    ],
)
def test_bad_docker_configs(data: bytes) -> None:
    with pytest.raises(InvalidDockerConfigError, match=r"^file"):
        parse_docker_config(data, "file")


def test_node_config_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root, home = tmp_path / "root", tmp_path / "home"
    (home / ".docker").mkdir(parents=True)
    root.mkdir()
    assert read_node_config(root, home) == {}
    (home / ".dockercfg").write_text('{"a": {"username": "legacy"}}')
    assert read_node_config(root, home)["a"].username == "legacy"
    (home / ".docker/config.json").write_text('{"auths": {"a": {"username": "home"}}}')
    assert read_node_config(root, home)["a"].username == "home"
    (root / "config.json").write_text('{"auths": {"a": {"username": "root"}}}')
    assert read_node_config(root, home)["a"].username == "root"
    (root / "config.json").write_text("broken")
    assert read_node_config(root, home)["a"].username == "home"
