"""Archives are the same bytes for the same content, and readable as docker-archive and as OCI layout."""

import hashlib
import io
import json
import tarfile
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.images import File, Image, archive, tar

FILES = {"bin/x": File(b"program"), "bin/y": File(link="/bin/x")}
IMAGE = Image(("localhost/a:1", "localhost/b:2"), FILES, ("/bin/x",))


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return {m.name: f.read() if (f := opened.extractfile(m)) else b"" for m in opened if m.isfile()}


def test_same_content_same_bytes() -> None:
    again = Image(IMAGE.names, dict(reversed(list(IMAGE.files.items()))), IMAGE.entrypoint)
    assert archive([IMAGE]) == archive([again])


def test_docker_archive_and_oci_layout_describe_the_same_image() -> None:
    files = members(archive([IMAGE]))
    (docker,) = json.loads(files["manifest.json"])
    assert docker["RepoTags"] == ["localhost/a:1", "localhost/b:2"]
    index: dict[str, Any] = json.loads(files["index.json"])
    assert [m["annotations"]["io.containerd.image.name"] for m in index["manifests"]] == docker["RepoTags"]
    manifest = json.loads(files["blobs/sha256/" + index["manifests"][0]["digest"].removeprefix("sha256:")])
    assert f"blobs/{manifest['config']['digest'].replace(':', '/')}" == docker["Config"]
    assert [f"blobs/{layer['digest'].replace(':', '/')}" for layer in manifest["layers"]] == docker["Layers"]


def test_blobs_are_named_by_their_digest() -> None:
    for name, content in members(archive([IMAGE])).items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"


def test_configuration_carries_command_and_layer() -> None:
    files = members(archive([IMAGE]))
    (docker,) = json.loads(files["manifest.json"])
    config = json.loads(files[docker["Config"]])
    assert config["config"]["Entrypoint"] == ["/bin/x"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(files[docker['Layers'][0]]).hexdigest()}"]


def test_renamed_image_keeps_its_content() -> None:
    files = members(archive([IMAGE.named("localhost/c:3")]))
    (docker,) = json.loads(files["manifest.json"])
    (original,) = json.loads(members(archive([IMAGE]))["manifest.json"])
    assert docker["RepoTags"] == ["localhost/c:3"]
    assert docker["Config"] == original["Config"]


names = st.lists(st.text("abc", min_size=1, max_size=2), min_size=1, max_size=4).map("/".join)


@settings(deadline=None)
@given(st.dictionaries(names, st.binary(max_size=64)))
def test_tar_holds_each_file_after_its_directories(content: dict[str, bytes]) -> None:
    files = {f"{name}.f": File(data) for name, data in content.items()}
    seen: set[str] = set()
    with tarfile.open(fileobj=io.BytesIO(tar(files))) as opened:
        for member in opened:
            parent = member.name.rpartition("/")[0]
            assert not parent or parent in seen
            seen.add(member.name)
    assert set(files) <= seen
