"""What the runtime's answers mean for the node."""

import asyncio

import pytest
from node_fakes import FakeRuntime

from kubelet.node import HealthCheck, RuntimeHealth

pytestmark = pytest.mark.looptime


def health_of(runtime, **kwargs):
    return RuntimeHealth(runtime, monotonic=lambda: asyncio.get_running_loop().time(), **kwargs)


async def test_before_the_first_answer():
    health = health_of(FakeRuntime())
    assert health.errors() == (
        "container runtime status check may not have completed yet", "network state unknown"
    )
    assert not health.checked.is_set()


async def test_a_healthy_runtime():
    health = health_of(FakeRuntime())
    await health.poll()
    assert health.errors() == ()
    assert health.version == "docker://20.10.24"
    assert [handler.name for handler in health.handlers] == ["", "runc"]
    assert health.handlers[0].features.recursive_read_only_mounts
    assert health.features.supplemental_groups_policy
    assert health.checked.is_set()


async def test_a_missing_network_is_its_own_error():
    runtime = FakeRuntime()
    runtime.network_ready, runtime.reason, runtime.message = False, "NetworkPluginNotReady", "no CNI config"
    health = health_of(runtime)
    await health.poll()
    assert health.runtime_errors() == ()
    assert health.network_error() == (
        "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no CNI config"
    )


async def test_a_runtime_that_is_not_ready():
    runtime = FakeRuntime()
    runtime.runtime_ready, runtime.reason, runtime.message = False, "DockerDaemonNotReady", "docker is down"
    health = health_of(runtime)
    await health.poll()
    assert health.runtime_errors()[-1] == (
        "container runtime not ready: RuntimeReady=false reason:DockerDaemonNotReady message:docker is down"
    )


async def test_a_runtime_that_does_not_answer_is_down_after_30_seconds():
    runtime = FakeRuntime()
    health = health_of(runtime)
    await health.poll()
    runtime.gone = True
    await asyncio.sleep(29)
    await health.poll()
    assert health.errors() == ()
    await asyncio.sleep(1)
    await health.poll()
    assert health.errors() == ("container runtime is down: connection refused",)
    runtime.gone = False
    await health.poll()
    assert health.errors() == ()


async def test_a_runtime_that_hangs_is_not_waited_for():
    runtime = FakeRuntime()
    runtime.Status = lambda request: asyncio.sleep(3600)
    health = health_of(runtime)
    await health.poll()
    assert asyncio.get_running_loop().time() == pytest.approx(10)
    assert health.checked.is_set()


async def test_other_checks_count():
    problems = [None, "pleg was last seen active 4m ago; threshold is 3m0s"]
    health = health_of(FakeRuntime(), checks=(HealthCheck("PLEG", lambda: problems[-1]),))
    await health.poll()
    assert health.errors() == ("PLEG is not healthy: pleg was last seen active 4m ago; threshold is 3m0s",)
    problems.append(None)
    assert health.errors() == ()


async def test_polling_is_fast_until_all_is_well_and_tells_of_changes():
    runtime = FakeRuntime()
    runtime.gone = True
    changes, ready = [], []
    health = health_of(
        runtime, changed=lambda: changes.append(health.errors()), became_ready=lambda: ready.append(True)
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(health.run())
        await asyncio.sleep(1.05)
        assert runtime.asked >= 10
        runtime.gone = False
        await asyncio.sleep(0.1)
        assert ready == [True]
        asked = runtime.asked
        await asyncio.sleep(20)
        assert runtime.asked - asked == 4
        task.cancel()
    assert changes == [()]
