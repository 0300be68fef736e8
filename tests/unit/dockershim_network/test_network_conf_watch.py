"""The configuration directory while it changes, and what the node says of it. Real inotify, no root."""

import asyncio
import contextlib
import errno
import json

import pytest

from dockershim.network import CNINetwork, chain
from dockershim.network.invocation import Verb

PLUGIN = """#!/bin/sh
case $CNI_COMMAND in VERSION) printf '{"cniVersion":"1.0.0","supportedVersions":["1.0.0","1.1.0"]}';; *) cat %s;; esac
test ! -e %s
"""


def conflist(name, kind="fake", version="1.0.0", **plugin):
    return json.dumps({"cniVersion": version, "name": name, "plugins": [{"type": kind, **plugin}]})


@pytest.fixture
def bin_dir(tmp_path):
    path = tmp_path / "bin"
    path.mkdir()
    (path / "fake").write_text(PLUGIN % (tmp_path / "error", tmp_path / "error"))
    (path / "fake").chmod(0o755)
    return path


@contextlib.asynccontextmanager
async def running(network):
    async with asyncio.TaskGroup() as group:
        task = group.create_task(network.run())
        await asyncio.sleep(0)
        yield
        task.cancel()


async def eventually(condition):
    async with asyncio.timeout(5):
        while not await condition():  # noqa: ASYNC110 (the condition is what the test looks for)
            await asyncio.sleep(0.01)


async def name_of(network):
    return network._network.current.name if network._network.current else ""


async def test_absent_directory_is_not_ready_and_noticed_when_made(tmp_path, bin_dir):
    conf_dir = tmp_path / "etc" / "cni" / "net.d"
    network = CNINetwork(conf_dir, [bin_dir], tmp_path / "cache")
    await network.start()
    status = await network.status()
    assert (status.ready, status.reason) == (False, "NetworkPluginNotReady")
    assert status.message == (
        "docker: network plugin is not ready: cni config uninitialized; "
        f"no network configuration (*.conflist, *.conf, *.json) in {conf_dir}"
    )
    async with running(network):
        await asyncio.sleep(0.1)
        conf_dir.mkdir(parents=True)
        (conf_dir / "10-a.conflist").write_text(conflist("a"))
        await eventually(lambda: is_named(network, "a"))
        assert (await network.status()).ready


def swap(link, target):
    """Make a link lead somewhere else in one step."""
    temporary = link.with_name(".new")
    temporary.symlink_to(target)
    temporary.rename(link)


async def is_ready(network, wanted):
    return (await network.status()).ready is wanted


async def has_plugins(network, number):
    current = network._network.current
    return current is not None and len(current.plugins) == number


async def is_named(network, name):
    return await name_of(network) == name


async def test_changes_take_effect_and_removal_too(tmp_path, bin_dir):
    conf_dir = tmp_path / "net.d"
    conf_dir.mkdir()
    (conf_dir / "20-b.conflist").write_text(conflist("b"))
    network = CNINetwork(conf_dir, [bin_dir], tmp_path / "cache")
    await network.start()
    assert await name_of(network) == "b"
    async with running(network):
        await asyncio.sleep(0.1)
        (conf_dir / "10-a.conflist").write_text(conflist("a"))
        await eventually(lambda: is_named(network, "a"))
        (conf_dir / "10-a.conflist").write_text("{ broken")
        await eventually(lambda: is_named(network, "b"))
        for file in conf_dir.iterdir():
            file.unlink()
        await eventually(lambda: is_named(network, ""))
        conf_dir.rmdir()
        conf_dir.mkdir()
        (conf_dir / "30-c.conflist").write_text(conflist("c"))
        await eventually(lambda: is_named(network, "c"))


async def test_links_are_followed_and_their_swap_is_noticed(tmp_path, bin_dir):
    """As installers replace configurations: the directory, a directory above it, the file or what it leads to."""
    for name in "abcd":
        (tmp_path / name / "net.d").mkdir(parents=True)
        (tmp_path / name / "net.d" / "10-x.conflist").write_text(conflist(name))
    (tmp_path / "cni").symlink_to("a")
    network = CNINetwork(tmp_path / "cni" / "net.d", [bin_dir], tmp_path / "cache")
    await network.start()
    async with running(network):
        await eventually(lambda: is_named(network, "a"))
        swap(tmp_path / "cni", "b")
        await eventually(lambda: is_named(network, "b"))
        (tmp_path / "c" / "net.d").rename(tmp_path / "c" / "moved")
        (tmp_path / "c" / "net.d").symlink_to(tmp_path / "c" / "moved")
        swap(tmp_path / "cni", tmp_path / "c")
        await eventually(lambda: is_named(network, "c"))
        (tmp_path / "elsewhere").write_text(conflist("e"))
        swap(tmp_path / "c" / "moved" / "10-x.conflist", tmp_path / "elsewhere")
        await eventually(lambda: is_named(network, "e"))
        (tmp_path / "elsewhere").write_text(conflist("f"))
        await eventually(lambda: is_named(network, "f"))
        (tmp_path / "new").write_text(conflist("g"))
        (tmp_path / "new").rename(tmp_path / "elsewhere")
        await eventually(lambda: is_named(network, "g"))


async def test_mounted_config_map_is_followed(tmp_path, bin_dir):
    """`10-x.conflist` ▶ `..data/10-x.conflist`, `..data` ▶ a directory: replaced by renaming `..data`."""
    for name in "ab":
        (tmp_path / f"..{name}").mkdir()
        (tmp_path / f"..{name}" / "10-x.conflist").write_text(conflist(name))
    (tmp_path / "..data").symlink_to("..a")
    (tmp_path / "10-x.conflist").symlink_to("..data/10-x.conflist")
    network = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache")
    await network.start()
    async with running(network):
        await eventually(lambda: is_named(network, "a"))
        swap(tmp_path / "..data", "..b")
        await eventually(lambda: is_named(network, "b"))


async def test_parent_is_replaced_and_circles_end(tmp_path, bin_dir):
    conf_dir = tmp_path / "etc" / "cni" / "net.d"
    conf_dir.mkdir(parents=True)
    (conf_dir / "10-x.conflist").write_text(conflist("a"))
    network = CNINetwork(conf_dir, [bin_dir], tmp_path / "cache")
    await network.start()
    async with running(network):
        await eventually(lambda: is_named(network, "a"))
        (tmp_path / "etc").rename(tmp_path / "old")
        await eventually(lambda: is_named(network, ""))
        (tmp_path / "etc").symlink_to("circle")
        (tmp_path / "circle").symlink_to("etc")
        (tmp_path / "etc").unlink()
        (tmp_path / "old").rename(tmp_path / "etc")
        await eventually(lambda: is_named(network, "a"))


async def test_plugins_beside_a_list_are_followed(tmp_path, bin_dir):
    content = json.dumps({"cniVersion": "1.0.0", "name": "a", "plugins": []})
    (tmp_path / "10-a.conflist").write_text(content)
    network = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache")
    await network.start()
    async with running(network):
        assert "no plugins in the list" in (await network.status()).message
        (tmp_path / "a").mkdir()
        await asyncio.sleep(0.1)
        (tmp_path / "a" / "10.conf").write_text(json.dumps({"type": "fake"}))
        await eventually(lambda: is_named(network, "a"))
        (tmp_path / "a" / "20.conf").write_text(json.dumps({"type": "fake"}))
        await eventually(lambda: has_plugins(network, 2))


async def test_broken_then_mended(tmp_path, bin_dir, caplog):
    caplog.set_level("INFO")
    file = tmp_path / "10-a.conflist"
    file.write_text(conflist("a"))
    network = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache")
    await network.start()
    async with running(network):
        file.write_text(conflist("a")[:-3])
        await eventually(lambda: is_ready(network, False))
        assert f"{file}: line 1" in (await network.status()).message
        file.write_text(conflist("a"))
        await eventually(lambda: is_ready(network, True))
    told = [record.message for record in caplog.records if "asyncio" not in record.name]
    assert [text.split(":")[0].split(" file=")[0] for text in told] == [
        "pod network configured name=a version=1.0.0 plugins=fake",
        "CNI configuration ignored",
        "pod network gone",
        "pod network configured name=a version=1.0.0 plugins=fake",
    ]


async def test_directory_that_is_another_is_noticed_without_an_event(tmp_path, bin_dir):
    """As a mount over it: nobody follows here, the next status sees it."""
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "10-x.conflist").write_text(conflist(name))
    (tmp_path / "net.d").symlink_to("a")
    network = CNINetwork(tmp_path / "net.d", [bin_dir], tmp_path / "cache")
    await network.start()
    swap(tmp_path / "net.d", "b")
    assert await name_of(network) == "a"
    assert (await network.status()).ready
    assert await name_of(network) == "b"


async def test_without_watches_the_directory_is_looked_at(tmp_path, bin_dir, caplog, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("dockershim.network.conf_dir._LOOK_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr("dockershim.network.conf_dir._watch", refuse)
    network = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache")
    await network.start()
    async with running(network):
        await asyncio.sleep(0.1)
        (tmp_path / "10-a.conflist").write_text(conflist("a"))
        await eventually(lambda: is_named(network, "a"))
    assert caplog.text.count("cannot be watched") == 1


async def test_plugin_that_hangs_on_version_does_not_hold_the_status_for_long(tmp_path, bin_dir, monkeypatch):
    monkeypatch.setitem(chain._VERB_SECONDS, Verb.VERSION, 0.2)
    (bin_dir / "stuck").write_text("#!/bin/sh\nexec sleep 600\n")
    (bin_dir / "stuck").chmod(0o755)
    (tmp_path / "10-a.conflist").write_text(conflist("a", kind="stuck"))
    (tmp_path / "20-b.conflist").write_text(conflist("b"))
    network = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache")
    await network.start()
    assert (await name_of(network), (await network.status()).ready) == ("b", True)
    (tmp_path / "20-b.conflist").unlink()
    assert "(version): did not end within 0.2 s" in (await network.status()).message


async def test_broken_file_is_told_with_its_place_and_others_go_on(tmp_path, bin_dir, caplog):
    (tmp_path / "10-x.conflist").write_text('{"cniVersion":"1.0.0",\n "name":}')
    network = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache")
    await network.start()
    await network.status()
    message = (await network.status()).message
    assert f"{tmp_path}/10-x.conflist: line 2 column 9: Expecting value" in message
    assert caplog.text.count("10-x.conflist") == 1
    (tmp_path / "20-a.conflist").write_text(conflist("a"))
    assert (await network.status()).ready


async def test_missing_plugin_is_told_and_noticed_when_installed(tmp_path, bin_dir):
    (tmp_path / "10-a.conflist").write_text(conflist("a", kind="late"))
    network = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache")
    await network.start()
    assert "plugins[0].type: no executable 'late'" in (await network.status()).message
    (bin_dir / "fake").rename(bin_dir / "late")
    assert (await network.status()).ready


async def test_ranges_wait_for_the_pod_cidr(tmp_path, bin_dir):
    (tmp_path / "10-a.conflist").write_text(conflist("a", capabilities={"ipRanges": True}))
    network = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache")
    await network.start()
    assert (await network.status()).message == "docker: network plugin is not ready: no PodCIDR set"
    await network.set_pod_cidr("10.1.0.0/24")
    assert (await network.status()).ready
    again = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache")  # nobody tells it again
    await again.start()
    assert (await again.status()).ready
    told = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache")
    await told.set_pod_cidr("10.2.0.0/24")
    await told.start()
    assert told._network.pod_cidr == "10.2.0.0/24"
    (tmp_path / "cache" / "podwright-pod-cidr").write_bytes(b"\xff")
    lost = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache")
    await lost.start()
    assert not (await lost.status()).ready


async def test_plugins_status_is_asked_in_1_1_and_a_good_answer_holds(tmp_path, bin_dir):
    now = [100.0]
    (tmp_path / "10-a.conflist").write_text(conflist("a", version="1.1.0"))
    network = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache", clock=lambda: now[0])
    await network.start()
    (tmp_path / "error").write_text('{"code":50,"msg":"agent is down"}')
    assert (await network.status()).message.endswith("failed (status): agent is down")
    (tmp_path / "error").unlink()
    assert (await network.status()).ready
    (tmp_path / "error").write_text('{"code":50,"msg":"agent is down"}')
    assert (await network.status()).ready
    now[0] += 31
    assert not (await network.status()).ready


async def test_sandbox_that_was_never_set_up_is_torn_down(tmp_path, bin_dir):
    from dockershim.network import NetworkNotReadyError, PodNetwork

    network = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache")
    pod = PodNetwork("s1", "web", "default", "uid")
    await network.tear_down(pod)
    assert await network.addresses(pod) == ()
    with pytest.raises(NetworkNotReadyError, match="cni config uninitialized"):
        await network.set_up(pod)
