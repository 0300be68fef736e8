"""The configuration directory while it changes, and what the node says of it. Real inotify, no root."""

import asyncio
import contextlib
import json

import pytest

from dockershim.network import CNINetwork

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
    return network._current.name if network._current else ""


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
    network.set_pod_cidr("10.1.0.0/24")
    assert (await network.status()).ready


async def test_plugins_status_is_asked_in_1_1_and_a_good_answer_holds(tmp_path, bin_dir):
    now = [100.0]
    (tmp_path / "10-a.conflist").write_text(conflist("a", version="1.1.0"))
    network = CNINetwork(tmp_path, [bin_dir], tmp_path / "cache", clock=lambda: now[0])
    await network.start()
    (tmp_path / "error").write_text('{"code":50,"msg":"agent is down"}')
    assert (await network.status()).message.endswith("failed (status) for sandbox '': agent is down")
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
