"""A registry's store, written as the registry reads it."""

import hashlib
import json

import pytest

from conformance.images import File, Image, packed
from conformance.registry import split_name, store_files

IMAGE = Image(("registry.example/team/app:1", "other.example/team/app:2"), {"bin/x": File(b"program")})


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("registry.example/app:1", ("registry.example", "app", "1")),
        ("localhost:5000/a/b:latest", ("localhost:5000", "a/b", "latest")),
    ],
)
def test_names_have_a_host_a_repository_and_a_tag(name: str, parts: tuple[str, str, str]) -> None:
    assert split_name(name) == parts


@pytest.mark.parametrize("name", ["app", "app:1", "registry.example/app", "localhost:5000/app"])
def test_names_that_lack_one_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not HOST/REPOSITORY:TAG"):
        split_name(name)


def test_every_link_of_the_store_leads_to_a_blob_with_that_digest() -> None:
    files = store_files([IMAGE])
    blobs = {path.split("/")[3]: content for path, content in files.items() if path.startswith("blobs/")}
    assert all(hashlib.sha256(content).hexdigest() == digits for digits, content in blobs.items())
    links = {path: content.decode() for path, content in files.items() if path.endswith("/link")}
    assert all(content.removeprefix("sha256:") in blobs for content in links.values())
    digest = packed(IMAGE).digest
    for tag in ("1", "2"):
        assert links[f"repositories/team/app/_manifests/tags/{tag}/current/link"] == digest
    manifest = json.loads(blobs[digest.removeprefix("sha256:")])
    for blob in (manifest["config"], *manifest["layers"]):
        place = blob["digest"].replace(":", "/")
        assert links[f"repositories/team/app/_layers/{place}/link"] == blob["digest"]
