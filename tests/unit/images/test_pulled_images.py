"""The record of pulled images outlives the agent, and a broken one costs nothing but its contents."""

import pytest

from kubelet.images.pulled import PulledImages


def test_it_is_there_after_a_restart(tmp_path):
    path = tmp_path / "pulled_images.json"
    first = PulledImages(path)
    first.load()
    first.note("sha256:b")
    first.note("sha256:a")
    second = PulledImages(path)
    second.load()
    assert second.ids() == {"sha256:a", "sha256:b"}
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 9, "images": ["x"]}', '{"version": 1, "images": 5}'])
def test_a_broken_record_begins_anew(tmp_path, content):
    path = tmp_path / "pulled_images.json"
    path.write_text(content)
    pulled = PulledImages(path)
    pulled.load()
    assert pulled.ids() == frozenset()
    pulled.note("sha256:a")
    again = PulledImages(path)
    again.load()
    assert again.ids() == {"sha256:a"}


def test_a_record_that_cannot_be_written_fails_no_pull(tmp_path, caplog):
    pulled = PulledImages(tmp_path / "absent" / "pulled_images.json")
    pulled.note("sha256:a")
    assert pulled.ids() == {"sha256:a"}
    assert "cannot be written" in caplog.text
