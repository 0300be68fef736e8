"""Chains of real processes: small scripts in the place of plugins, each writing down how it was called."""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from dockershim.network.chain import AddFailedError, PluginChain
from dockershim.network.conf import parse_network
from dockershim.network.errors import NetworkConfigError, PluginDeadlineError, PluginError
from dockershim.network.invocation import Attachment

RESULT = '{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.2/24"}]}'
VERSIONS = '{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0","1.1.0"]}'


class PluginDir:
    """Scripts as plugins. `calls` are lines `<plugin> <verb> <has prevResult>`."""

    def __init__(self, path):
        self.path = path
        self.log = path / "calls"

    def add(self, name, body="cat >/dev/null; printf '%s' '" + RESULT + "'"):
        script = self.path / name
        script.write_text(
            f"#!/bin/sh\nif [ $CNI_COMMAND = VERSION ]; then printf '%s' '{VERSIONS}'; exit; fi\n"
            f'conf=$(cat); prev=no; case "$conf" in *prevResult*) prev=yes;; esac\n'
            f"echo {name} $CNI_COMMAND $prev >> {self.log}\nprintf '%s' \"$conf\" > {self.path}/{name}.$CNI_COMMAND\n"
            f"{body}\n"
        )
        script.chmod(0o755)

    @property
    def calls(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def chain(self, deadline_seconds=10.0):
        return PluginChain([self.path / "absent", self.path], deadline_seconds)


@pytest.fixture
def plugins(tmp_path):
    return PluginDir(tmp_path)


def network(*types, version="1.1.0"):
    content = {"cniVersion": version, "name": "pods", "plugins": [{"type": kind} for kind in types]}
    return parse_network(json.dumps(content).encode(), "pods.conflist")


HERE = Attachment("sandbox1", "/proc/7/ns/net")


async def test_add_forwards_with_results_and_delete_backwards(plugins):
    plugins.add("one")
    plugins.add("two")
    chain = plugins.chain()
    result = await chain.add(network("one", "two"), HERE)
    assert result["ips"] == [{"address": "10.0.0.2/24"}]
    await chain.delete(network("one", "two"), HERE, result)
    assert plugins.calls == ["one ADD no", "two ADD yes", "two DEL yes", "one DEL yes"]


async def test_delete_gives_no_result_before_version_0_4(plugins):
    plugins.add("one")
    await plugins.chain().delete(network("one", version="0.3.1"), HERE, {"ips": []})
    assert plugins.calls == ["one DEL no"]


async def test_failed_add_tells_what_had_been_made(plugins):
    plugins.add("one")
    plugins.add("two", """printf '{"code":100,"msg":"no room"}'; exit 1""")
    plugins.add("three")
    with pytest.raises(AddFailedError) as caught:
        await plugins.chain().add(network("one", "two", "three"), HERE)
    assert isinstance(caught.value.cause, PluginError)
    assert str(caught.value.cause) == "plugin type=\"two\" failed (add) for sandbox 'sandbox1': no room"
    assert caught.value.last_result == json.loads(RESULT)
    assert plugins.calls == ["one ADD no", "two ADD yes"]


async def test_delete_asks_all_also_after_a_failure(plugins):
    plugins.add("one", "exit 4")
    plugins.add("two", "kill -SEGV $$")
    with pytest.raises(PluginError) as caught:
        await plugins.chain().delete(network("one", "two"), HERE, None)
    assert caught.value.plugin == "two"
    assert "SIGSEGV" in str(caught.value)
    assert "one" in caught.value.__notes__[0]
    assert plugins.calls == ["two DEL no", "one DEL no"]


async def test_hanging_plugin_dies_with_its_children(plugins, tmp_path):
    plugins.add("one", f"sleep 300 & echo $! > {tmp_path}/child; sleep 300")
    began = time.monotonic()
    with pytest.raises(AddFailedError) as caught:
        await plugins.chain(0.4).add(network("one"), HERE)
    assert isinstance(caught.value.cause, PluginDeadlineError)
    assert "did not end within 0.4 s" in str(caught.value.cause)
    assert time.monotonic() - began < 5
    await gone(int((tmp_path / "child").read_text()))


async def test_cancelled_plugin_dies_with_its_children(plugins, tmp_path):
    plugins.add("one", f"sleep 300 & echo $! > {tmp_path}/child; sleep 300")
    with pytest.raises(AddFailedError) as caught:
        async with asyncio.timeout(0.4):
            await plugins.chain().add(network("one"), HERE)
    assert isinstance(caught.value.cause, asyncio.CancelledError)
    await gone(int((tmp_path / "child").read_text()))


async def test_del_ends_before_its_caller_does(plugins, tmp_path):
    """Then the caller is told, and the others are for the next time."""
    plugins.add("one")
    plugins.add("two", f"touch {tmp_path}/began; sleep 0.5; touch {tmp_path}/done")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as scope:
            deleting = plugins.chain().delete(network("one", "two"), HERE, None)
            async with asyncio.TaskGroup() as group:
                task = group.create_task(deleting)
                while not (tmp_path / "began").exists():  # noqa: ASYNC110 (a file of another process)
                    await asyncio.sleep(0.01)
                scope.reschedule(0)
    assert task.cancelled()
    assert (tmp_path / "done").exists()
    assert plugins.calls == ["two DEL no"]


async def test_del_that_hangs_is_killed_at_the_second_cancellation_or_its_deadline(plugins, tmp_path):
    plugins.add("one", f"echo $$ >>{tmp_path}/pids; sleep 300")
    async with asyncio.TaskGroup() as group:
        late = group.create_task(plugins.chain(0.5).delete(network("one"), HERE, None))
        twice = group.create_task(plugins.chain().delete(network("one"), HERE, None))
        pids = tmp_path / "pids"
        while not pids.exists() or len(pids.read_text().split()) < 2:  # noqa: ASYNC110 (a file of other processes)
            await asyncio.sleep(0.01)
        late.cancel()
        twice.cancel()
        await asyncio.sleep(0)
        twice.cancel()
    assert late.cancelled() and twice.cancelled()
    for pid in (tmp_path / "pids").read_text().split():
        await gone(int(pid))


async def gone(pid):
    """Ended, or a zombie that waits for whoever adopted it."""
    async with asyncio.timeout(5):
        while is_running(pid):  # noqa: ASYNC110 (somebody else's process: nobody tells us)
            await asyncio.sleep(0.01)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except FileNotFoundError:
        return False


async def test_grandchild_that_keeps_the_output_open_is_not_waited_for(plugins, tmp_path):
    plugins.add("one", f"sleep 30 & echo $! > {tmp_path}/child; printf '%s' '{RESULT}'")
    began = time.monotonic()
    assert await plugins.chain().add(network("one"), HERE) == json.loads(RESULT)
    assert time.monotonic() - began < 5
    os.kill(int((tmp_path / "child").read_text()), 9)


async def test_endless_output_is_stopped(plugins):
    plugins.add("one", "cat /dev/zero")
    with pytest.raises(AddFailedError, match="printed more than"):
        await plugins.chain().add(network("one"), HERE)


async def test_large_configuration_and_result_pass(plugins):
    plugins.add("one", "printf '%s' \"$conf\"")
    big = network("one")
    attachment = Attachment("sandbox1", args=(("K", "v" * 60_000),))
    big = parse_network(
        json.dumps(
            {"cniVersion": "1.1.0", "name": "pods", "plugins": [{"type": "one", "x": "y" * 300_000}]}
        ).encode(),
        "f",
    )
    assert (await plugins.chain().add(big, attachment))["x"] == "y" * 300_000


async def test_executable_that_cannot_start(plugins, tmp_path):
    (tmp_path / "one").write_bytes(b"\x7fELF garbage")
    (tmp_path / "one").chmod(0o755)
    with pytest.raises(AddFailedError, match=r"\(add\) for sandbox 'sandbox1': cannot start .*/one: Exec format error"):
        await plugins.chain().add(network("one"), HERE)


async def test_validation_names_the_missing_and_the_old(plugins):
    plugins.add("one")
    with pytest.raises(NetworkConfigError, match=r"plugins\[1\]\.type: no executable 'nix' in "):
        await plugins.chain().agree(network("one", "nix"))
    with pytest.raises(NetworkConfigError, match=r"one speaks CNI 0\.4\.0, 1\.0\.0, 1\.1\.0, not 0\.3\.1"):
        await plugins.chain().agree(network("one", version="0.3.1"))
    assert (await plugins.chain().agree(network("one"))).cni_version == "1.1.0"


async def test_the_newest_version_that_all_plugins_speak(plugins):
    plugins.add("one")
    plugins.add("two")
    older = plugins.path / "two"
    older.write_text(older.read_text().replace('"0.4.0","1.0.0","1.1.0"', '"0.3.1","0.4.0","1.0.0"'))
    content = {
        "cniVersion": "0.4.0", "cniVersions": ["1.1.0", "1.0.0"], "name": "pods",
        "plugins": [{"type": "one"}, {"type": "two"}],
    }  # fmt: skip
    agreed = await plugins.chain().agree(parse_network(json.dumps(content).encode(), "f"))
    assert agreed.cni_version == "1.0.0"
    assert json.loads(agreed.raw)["cniVersion"] == "1.0.0"  # what the cache keeps for DEL
    content["cniVersions"], content["cniVersion"] = [], "1.1.0"
    with pytest.raises(NetworkConfigError, match=r"two speaks CNI 0\.3\.1, 0\.4\.0, 1\.0\.0, not 1\.1\.0"):
        await plugins.chain().agree(parse_network(json.dumps(content).encode(), "f"))


async def test_result_without_a_version_is_of_the_lists(plugins):
    plugins.add("one", """printf '{"ips":[{"address":"10.0.0.2/24"}]}'""")
    plugins.add("two", "printf '%s' \"$conf\"")
    result = await plugins.chain().add(network("one", "two"), HERE)
    assert result["prevResult"] == {"cniVersion": "1.1.0", "ips": [{"address": "10.0.0.2/24"}]}


async def test_failed_plugin_dies_with_its_children(plugins, tmp_path):
    plugins.add("one", f"sleep 300 & echo $! > {tmp_path}/child; exit 7")
    with pytest.raises(AddFailedError, match="exit status 7"):
        await plugins.chain().add(network("one"), HERE)
    await gone(int((tmp_path / "child").read_text()))


async def test_garbage_is_collected_by_all_also_after_a_failure(plugins):
    plugins.add("one", """printf '{"code":11,"msg":"busy"}'; exit 1""")
    plugins.add("two")
    with pytest.raises(PluginError, match=r"\(gc\): busy"):
        await plugins.chain().collect_garbage(network("one", "two"), [HERE])
    assert plugins.calls == ["one GC no", "two GC no"]
    content = {"cniVersion": "1.1.0", "name": "pods", "disableGC": True, "plugins": [{"type": "two"}]}
    quiet = parse_network(json.dumps(content).encode(), "f")
    await plugins.chain().collect_garbage(quiet, [HERE])
    content = {"cniVersion": "1.1.0", "name": "pods", "disableCheck": True, "plugins": [{"type": "two"}]}
    await plugins.chain().check(parse_network(json.dumps(content).encode(), "f"), HERE, {"ips": []})
    assert plugins.calls == ["one GC no", "two GC no"]


async def test_check_from_0_4_status_and_gc_from_1_1(plugins):
    plugins.add("one")
    chain = plugins.chain()
    await chain.check(network("one", version="0.3.1"), HERE, {})
    await chain.status(network("one", version="1.0.0"))
    await chain.collect_garbage(network("one", version="1.0.0"), [HERE])
    assert plugins.calls == []
    await chain.check(network("one", version="0.4.0"), HERE, {"ips": []})
    await chain.status(network("one"))
    await chain.collect_garbage(network("one"), [HERE])
    assert plugins.calls == ["one CHECK yes", "one STATUS no", "one GC no"]
    conf = json.loads((plugins.path / "one.GC").read_text())
    assert conf["cni.dev/valid-attachments"] == [{"containerID": "sandbox1", "ifname": "eth0"}]


async def test_status_of_a_plugin_that_is_not_ready(plugins):
    plugins.add("one", """printf '{"code":50,"msg":"daemon is down"}'; exit 1""")
    with pytest.raises(PluginError, match="daemon is down"):
        await plugins.chain().status(network("one"))
    plugins.add("two", """printf '{"code":4,"msg":"unknown CNI_COMMAND: STATUS"}'; exit 1""")
    await plugins.chain().status(network("two"))
