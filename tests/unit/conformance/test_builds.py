"""The build sets agree with the modules that pin them."""

from pathlib import Path

import pytest

from conformance import builds


@pytest.mark.parametrize("build_set", builds.SETS.values(), ids=lambda s: s.name)
def test_each_set_names_the_programs_of_its_tool_directives(build_set: builds.BuildSet) -> None:
    text = (build_set.source / "go.mod").read_text()
    _, _, block = text.partition("tool ")
    tools = block.split(")")[0].strip("( \n\t").splitlines() if block.startswith("(") else block.splitlines()[:1]
    names = {tool.strip().removesuffix("/v3").rpartition("/")[2] for tool in tools}
    assert {builds.PACKAGE_NAMES.get(n, n) for n in names} == set(build_set.programs)


@pytest.mark.parametrize("build_set", builds.SETS.values(), ids=lambda s: s.name)
def test_pins_name_no_place_to_fetch_from(build_set: builds.BuildSet) -> None:
    lines = (build_set.source / "go.mod").read_text().splitlines()
    directives = [line.partition("//")[0] for line in lines]
    assert not [line for line in directives if ":" in line]
    sums = (build_set.source / "go.sum").read_text().splitlines()
    assert all(len(line.split(" ")) == 3 and "://" not in line.split(" ")[0] for line in sums)


@pytest.mark.parametrize("build_set", builds.SETS.values(), ids=lambda s: s.name)
def test_reported_versions_are_the_pinned_ones(build_set: builds.BuildSet) -> None:
    pins = (build_set.source / "go.mod").read_text()
    for name, value in build_set.variables:
        if name.endswith(("main.version", "version.Version")) and build_set.name != "moby":
            assert f" v{value}" in pins


def test_every_program_is_in_one_set() -> None:
    assert len(builds.programs()) == len(set(builds.programs()))
    assert builds.set_of("kubectl").name == "kubernetes"


def test_key_changes_with_flags_and_go_version() -> None:
    one = builds.BuildSet("etcd", ("etcd",))
    other = builds.BuildSet("etcd", ("etcd",), tags=("netgo",))
    assert len({one.key("go1.26.0"), one.key("go1.26.1"), other.key("go1.26.0")}) == 3
    assert one.key("go1.26.0") == builds.BuildSet("etcd", ("etcd",)).key("go1.26.0")


def test_missing_program_says_how_to_build_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODWRIGHT_CACHE", str(tmp_path))
    monkeypatch.setattr(builds, "_go_version", lambda: "go1.26.0")
    with pytest.raises(builds.BuildError, match=r"python -m conformance\.builds kubectl"):
        builds.path("kubectl")


def test_unknown_program_lists_the_known_ones() -> None:
    with pytest.raises(builds.BuildError, match=r"no build set has a program 'kubectx'.*kubectl"):
        builds.set_of("kubectx")
