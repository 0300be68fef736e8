"""ExecSync on real engines: what a timeout kills, whatever the command has done to hide, and what it leaves."""

import asyncio

import pytest
from shim_under_test import ShimUnderTest, eventually

from conformance.throwaway import ThrowawayNode
from cri import errors

REAPS = "trap 'exit 3' TERM; while :; do sleep 0.1; done"
"""The first process of the container: a shell, which reaps whoever is given to it."""
DAEMON = "setsid sh -c 'setsid sleep 5511 & sleep 0.1' & "
"""A process whose parent is the container's first one, in a session of its own, as a daemon makes itself."""


async def sleepers(shim: ShimUnderTest, container_id: str) -> list[str]:
    said = await shim.exec(container_id, "ps -o pid,stat,args | grep -E 'sleep 55|Z' | grep -v grep || true")
    return said.stdout.decode().splitlines()


async def test_a_timeout_ends_daemons_and_leaves_no_zombies(engine_node: ThrowawayNode) -> None:
    async with ShimUnderTest(engine_node) as shim:
        pod = shim.pod("timeouts")
        sandbox_id = await shim.run_pod(pod)
        container_id = await shim.run_container(sandbox_id, pod, shim.container(REAPS))
        keeper = await shim.exec(container_id, "setsid sleep 5500 >/dev/null 2>&1 & echo started")
        assert keeper.stdout == b"started\n"  # one that an earlier command has left on purpose
        scripts = (
            f"{DAEMON} sleep 5512",
            f"{DAEMON} (sleep 5513 & sleep 5514) & wait; sleep 5515; echo next",
            "while :; do sleep 5516 & sleep 0.05; done",
        )

        async def too_long(script: str) -> None:
            with pytest.raises(errors.DeadlineExceededError):
                await shim.exec(container_id, script, timeout=1)

        await asyncio.gather(*(too_long(script) for script in scripts))

        async def only_the_keeper() -> bool | None:
            left = await sleepers(shim, container_id)
            return True if len(left) == 1 and "sleep 5500" in left[0] else None

        await eventually(only_the_keeper, f"the end of all that timed out: {await sleepers(shim, container_id)}")
        assert (await shim.exec(container_id, "exit 7")).exit_code == 7


async def test_a_probe_that_goes_away_ends_its_command(engine_node: ThrowawayNode) -> None:
    """The caller's own deadline, not ExecSync's timeout."""
    async with ShimUnderTest(engine_node) as shim:
        pod = shim.pod("impatient")
        sandbox_id = await shim.run_pod(pod)
        container_id = await shim.run_container(sandbox_id, pod, shim.container(REAPS))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await shim.exec(container_id, f"{DAEMON} sleep 5517", timeout=60)

        async def none() -> bool | None:
            return not await sleepers(shim, container_id) or None

        await eventually(none, "the end of the command")
