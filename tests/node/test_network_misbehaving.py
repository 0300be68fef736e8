"""Plugins that do what they must not, in the first, the middle and the last place of a chain of Debian's plugins, at
ADD and at DEL: nothing stays behind, and the error says who failed at what for whom. Needs root.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from network_host import PORTMAP, Host, Pods

from dockershim.network import CNINetwork, NetworkError, PluginDeadlineError, PortMapping, orphans

CLEAN = (set(), [], set(), set())
PLACES = ("first", "middle", "last")


@dataclass(frozen=True)
class Misdeed:
    """`body` is what the script does at the verb in question; `spoil` is done to its file before that. `said` is in
    the error."""

    said: str
    body: str = ""
    spoil: Callable[[Path], None] | None = None
    only_add: bool = False


def garble(file: Path) -> None:
    file.write_bytes(b"\x7fELF and then nothing")


LINK = "brk$(echo $CNI_CONTAINERID | cut -c1-8)"
HALF = f"ip link add {LINK} type veth peer name brkpeer netns $CNI_NETNS"
MISDEEDS = {
    "hangs, children too": Misdeed("did not end within 3 s and was killed", "sleep 600 & trap '' TERM; sleep 600"),
    "crashes": Misdeed("ended by SIGSEGV", "kill -SEGV $$"),
    "prints garbage": Misdeed("not JSON", "echo this is not JSON", only_add=True),
    "prints a list": Misdeed("not an object: '[1]", "echo '[1]'; exit", only_add=True),
    "prints nothing": Misdeed("printed nothing instead of a result", "exit 0", only_add=True),
    "prints no end": Misdeed("printed more than 1048576 bytes", "exec cat /dev/zero"),
    "refuses": Misdeed("no room; try later", """echo '{"code":11,"msg":"no room","details":"try later"}'; exit 1"""),
    "fails, prints garbage": Misdeed("exit status 2: 'panic: oh'", "echo '<html>'; echo panic: oh >&2; exit 2"),
    "fails silently": Misdeed("exit status 3 and printed nothing", "exit 3"),
    "half fails": Misdeed("half", f"""[ $CNI_COMMAND = ADD ] && {HALF}; echo '{{"code":99,"msg":"half"}}'; exit 1"""),
    "leaves children": Misdeed("exit status 4", "sleep 600 & exit 4"),
    "is gone": Misdeed("no executable 'broken-{place}' in", spoil=Path.unlink),
    "is not executable": Misdeed("no executable 'broken-{place}' in", spoil=lambda file: file.chmod(0o644)),
    "is no program": Misdeed("Exec format error", spoil=garble),
}
WELL = f"""if [ $CNI_COMMAND = DEL ]; then ip link del {LINK} 2>/dev/null; fi
[ $CNI_COMMAND = ADD ] || exit 0
""" """case "$CONF" in *prevResult*) passed;; *) echo '{"cniVersion":"1.0.0"}';; esac"""


def write_plugin(host: Host, place: str, verb: str, misdeed: Misdeed) -> Path:
    """It misbehaves at one verb."""
    bad = f"if [ $CNI_COMMAND = {verb} ]; then\n{misdeed.body or ':'}\nfi"
    return host.script(f"broken-{place}", f"{bad}\n{WELL}")


async def make_network(host: Host, place: str, deadline_seconds: float) -> CNINetwork:
    good = [host.bridge(), PORTMAP, {"type": "firewall"}]
    good.insert({"first": 0, "middle": 2, "last": 3}[place], {"type": f"broken-{place}"})
    host.configure(*good, directory=place)
    return await host.network(place, deadline_seconds=deadline_seconds)


class Case:
    """Three pods at once, each with its network in which the plugin is in another place."""

    def __init__(self, host: Host, pods: Pods, misdeed: Misdeed) -> None:
        self.host, self.misdeed = host, misdeed
        self.pods = [pods(port_mappings=(PortMapping("tcp", 80, 18080 + i),)) for i, _ in enumerate(PLACES)]
        self.first = pods(port_mappings=(PortMapping("tcp", 80, 18090),))
        self.records = {f"pods-{pod.sandbox_id}-eth0" for pod in self.pods}
        self.networks: list[CNINetwork] = []

    def write(self, verb: str, spoil: bool = False) -> None:
        for place in PLACES:
            file = write_plugin(self.host, place, verb, self.misdeed)
            if spoil and self.misdeed.spoil is not None:
                self.misdeed.spoil(file)

    async def start(self) -> None:
        self.write("never")
        seconds = 3.0 if self.misdeed.said.startswith("did not end") else 90.0
        self.networks = [await make_network(self.host, place, seconds) for place in PLACES]
        # portmap's chains are there before three networks, which know nothing of each other, would make them at once.
        await self.networks[0].set_up(self.first)
        await self.networks[0].tear_down(self.first)

    async def each(self, verb: str) -> list[BaseException | None]:
        """ADD or DEL of the three at once; what each raised."""
        calls = [
            network.set_up(pod) if verb == "ADD" else network.tear_down(pod)
            for network, pod in zip(self.networks, self.pods, strict=True)
        ]
        found = await asyncio.gather(*calls, return_exceptions=True)
        return [one if isinstance(one, BaseException) else None for one in found]

    async def fails(self, verb: str) -> None:
        self.write(verb, spoil=True)
        for place, pod, caught in zip(PLACES, self.pods, await self.each(verb), strict=True):
            assert isinstance(caught, NetworkError), (place, caught)
            told = f"plugin type=\"broken-{place}\" failed ({verb.lower()}) for sandbox '{pod.sandbox_id}': "
            assert str(caught).startswith(told)
            assert self.misdeed.said.format(place=place) in str(caught)
            assert isinstance(caught, PluginDeadlineError) is self.misdeed.said.startswith("did not end")
            assert not orphans._find(pod.sandbox_id)

    async def succeeds(self, verb: str) -> None:
        self.write("never")
        assert await self.each(verb) == [None] * 3


@pytest.mark.parametrize("name", MISDEEDS)
async def test_plugin_that_misbehaves(host: Host, pods: Pods, name: str) -> None:
    case = Case(host, pods, MISDEEDS[name])
    await case.start()
    await case.fails("ADD")
    # What cannot be started cannot take anything down either: its pods stay on record until it is mended.
    assert host.left == (*CLEAN[:3], case.records if case.misdeed.spoil else set())
    if case.misdeed.spoil:
        case.write("never")
        assert await case.networks[0].collect_garbage([])  # of the cache, which they share
        assert host.left == CLEAN
    await case.succeeds("ADD")  # nothing is in the way of another try
    assert (len(host.leases), host.records) == (3, case.records)
    if not case.misdeed.only_add:
        await case.fails("DEL")
        assert host.left == (*CLEAN[:3], case.records)
    await case.succeeds("DEL")
    assert host.left == CLEAN


async def test_garbage_that_a_plugin_prints_at_del_is_nothing(host: Host, pods: Pods) -> None:
    """DEL has no result, so there is nothing to misunderstand."""
    write_plugin(host, "last", "DEL", Misdeed("", "echo this is not JSON; exit 0"))
    network = await make_network(host, "last", 90.0)
    pod = pods()
    await network.set_up(pod)
    await network.tear_down(pod)
    assert host.left == CLEAN


async def test_children_of_a_plugin_that_succeeds_are_let_alone(host: Host, pods: Pods) -> None:
    """Some plugins start a daemon for the pod; one that holds their output is not waited for."""
    host.script("broken-last", f"sleep 600 & echo $! >>{host.path}/children\n{WELL}")
    network = await make_network(host, "last", 90.0)
    pod = pods()
    await network.set_up(pod)
    child = (host.path / "children").read_text().strip()
    assert Path("/proc", child).exists()
    await network.tear_down(pod)
    assert host.left == CLEAN
    for pid in (host.path / "children").read_text().split():
        host.run("kill", "-9", pid)
