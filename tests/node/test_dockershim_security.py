"""Security contexts and resources, as the process in the container has them: every field, on real engines."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from shim_under_test import BUSYBOX, ShimUnderTest

from conformance.throwaway import ThrowawayNode
from cri import errors
from cri.v1 import api_pb2 as cri

SLEEP = "sleep 1000"
MIB = 1 << 20


@pytest_asyncio.fixture
async def shim(engine_node: ThrowawayNode) -> AsyncIterator[ShimUnderTest]:
    async with ShimUnderTest(engine_node) as under_test:
        yield under_test


class Pod:
    """A sandbox, and containers in it that differ by one thing each."""

    def __init__(self, shim: ShimUnderTest, name: str) -> None:
        self.shim, self.config, self.id, self._count = shim, shim.pod(name), "", 0

    async def run(self) -> "Pod":
        self.id = await self.shim.run_pod(self.config)
        return self

    async def container(self, context: cri.LinuxContainerSecurityContext | None = None, script: str = SLEEP,
                        resources: cri.LinuxContainerResources | None = None, **fields: object) -> str:
        self._count += 1
        context = context or cri.LinuxContainerSecurityContext()
        if not context.HasField("namespace_options"):
            context.namespace_options.pid = cri.CONTAINER
        linux = cri.LinuxContainerConfig(security_context=context, resources=resources)
        config = self.shim.container(script, name=f"c{self._count}", linux=linux, **fields)
        return await self.shim.run_container(self.id, self.config, config)

    async def says(self, container_id: str, script: str) -> str:
        return (await self.shim.exec(container_id, script)).stdout.decode()


def context(**fields: object) -> cri.LinuxContainerSecurityContext:
    return cri.LinuxContainerSecurityContext(**fields)  # type: ignore[arg-type]


def localhost(path: str) -> cri.SecurityProfile:
    return cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost, localhost_ref=path)


async def test_capabilities_seccomp_and_paths(shim: ShimUnderTest) -> None:
    pod = await Pod(shim, "caps").run()
    status = "grep -E '^(CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | cut -f2"

    async def fields(container_id: str) -> list[str]:
        return (await pod.says(container_id, status)).split()

    plain = await fields(await pod.container())
    assert plain[3:] == ["0", "0"] and int(plain[1], 16) >> 12 & 1 == 0  # CRI's default is no seccomp; no NET_ADMIN
    added = await fields(await pod.container(context(capabilities=cri.Capability(add_capabilities=["NET_ADMIN"]))))
    assert int(added[0], 16) == int(plain[0], 16) | 1 << 12
    dropped = await fields(await pod.container(context(capabilities=cri.Capability(drop_capabilities=["CHOWN"]))))
    assert int(dropped[1], 16) == int(plain[1], 16) & ~1 and int(plain[1], 16) & 1
    none = await fields(await pod.container(context(capabilities=cri.Capability(drop_capabilities=["ALL"]))))
    assert int(none[1], 16) == 0
    default = cri.SecurityProfile(profile_type=cri.SecurityProfile.RuntimeDefault)
    assert (await fields(await pod.container(context(seccomp=default, no_new_privs=True))))[3:] == ["1", "2"]

    profile = {"defaultAction": "SCMP_ACT_ALLOW",
               "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}
    shim.node.path("/var/lib/kubelet/no-mkdir.json").write_text(json.dumps(profile))
    strict = await pod.container(context(seccomp=localhost("/var/lib/kubelet/no-mkdir.json")))
    assert await pod.says(strict, "mkdir /d 2>/dev/null || echo refused; touch /f && echo made") == "refused\nmade\n"
    paths = await pod.container(context(masked_paths=["/proc/meminfo"], readonly_paths=["/proc/sys"]))
    assert await pod.says(paths, "cat /proc/meminfo; grep -c ' /proc/sys .*ro' /proc/mounts") == "1\n"
    unmasked = await pod.container(context())
    assert (await pod.says(unmasked, "head -c 8 /proc/meminfo; grep -c ' /proc/' /proc/mounts")) == "MemTotal0\n"


async def test_a_privileged_container(shim: ShimUnderTest) -> None:
    """Engine 20.10 asks for every capability that there is, also for those that this machine does not give."""
    pod = shim.pod("privileged")
    pod.linux.security_context.privileged = shim.node.engine == "29"
    made = Pod(shim, "privileged")
    made.config = pod
    await made.run()
    has_all = (await shim.node.run(["sh", "-c", "grep CapBnd /proc/self/status | cut -f2"])).stdout.strip()
    if shim.node.engine == "20.10" and int(has_all, 16) != (1 << 41) - 1:
        with pytest.raises(errors.CriError) as refused:
            await made.container(context(privileged=True))
        assert not isinstance(refused.value, errors.UnknownError)
        return
    container_id = await made.container(context(privileged=True))
    said = await made.says(container_id, "grep CapEff /proc/self/status | cut -f2; [ -e /dev/kmsg ] && echo devices")
    assert said == f"{has_all}\ndevices\n"


async def test_namespaces(shim: ShimUnderTest) -> None:
    hosts = Pod(shim, "hosts")
    options = hosts.config.linux.security_context.namespace_options
    options.pid = options.ipc = cri.NODE
    await hosts.run()
    everything = cri.NamespaceOption(pid=cri.NODE, ipc=cri.NODE)
    container_id = await hosts.container(context(namespace_options=everything))
    links = "readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc"
    assert await hosts.says(container_id, links) == (await shim.node.run(["sh", "-c", links])).stdout
    pod = await Pod(shim, "target").run()
    first = await pod.container(script="sleep 4321")
    own = await pod.says(first, links)
    target = cri.NamespaceOption(pid=cri.TARGET, target_id=first)
    debugger = await pod.container(context(namespace_options=target))
    assert await pod.says(debugger, links) == own
    assert "sleep 4321" in await pod.says(debugger, "ps -o args")
    with pytest.raises(errors.InvalidArgumentError, match="TARGET"):
        await pod.container(context(namespace_options=cri.NamespaceOption(pid=cri.TARGET)))


async def test_users_by_name_and_sysctls(shim: ShimUnderTest) -> None:
    script = "mkdir -p /etc; echo alice:x:1000:1001::/:/bin/sh > /etc/passwd"
    made = (await shim.node.run(["docker", "run", "-d", "--network=none", BUSYBOX, "sh", "-c", script])).stdout.strip()
    await shim.node.run(["docker", "wait", made])
    await shim.node.run(["docker", "commit", made, "localhost/with-alice:1"])
    await shim.node.run(["docker", "rm", made])
    pod = Pod(shim, "users")
    pod.config.linux.sysctls.update({"net.ipv4.ip_unprivileged_port_start": "80", "kernel.shm_rmid_forced": "1"})
    await pod.run()
    config = shim.container(SLEEP, linux=cri.LinuxContainerConfig(security_context=context(
        run_as_username="alice", namespace_options=cri.NamespaceOption(pid=cri.CONTAINER))))
    config.image.image = "localhost/with-alice:1"
    container_id = await shim.run_container(pod.id, pod.config, config)
    said = await pod.says(container_id, "id -u; id -g; cat /proc/sys/net/ipv4/ip_unprivileged_port_start "
                                        "/proc/sys/kernel/shm_rmid_forced")
    assert said == "1000\n1001\n80\n1\n"
    assert (await shim.status(container_id)).user.linux.uid == 1000
    with pytest.raises(errors.CriError) as unknown:
        await pod.container(context(run_as_username="nobody-of-this-name"))
    assert not isinstance(unknown.value, errors.UnknownError)
    await shim.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=pod.id))
    await shim.node.run(["docker", "rmi", "localhost/with-alice:1"])


FILES = "memory/memory.limit_in_bytes cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpuset/cpuset.cpus"


async def test_resources_are_in_the_cgroup(shim: ShimUnderTest) -> None:
    """Also after an update; of swap and hugepages, where the kernel counts them."""
    pod = await Pod(shim, "resources").run()
    wanted = cri.LinuxContainerResources(
        memory_limit_in_bytes=64 * MIB, memory_swap_limit_in_bytes=96 * MIB, cpu_shares=512, cpu_quota=50_000,
        cpu_period=100_000, cpuset_cpus="0", oom_score_adj=321,
        hugepage_limits=[cri.HugepageLimit(page_size="2MB", limit=4 * MIB)],
    )
    container_id = await pod.container(resources=wanted)
    read = f"cd /sys/fs/cgroup; cat {FILES}; cat /proc/1/oom_score_adj"
    assert (await pod.says(container_id, read)).split() == [str(64 * MIB), "512", "50000", "100000", "0", "321"]
    more = "cd /sys/fs/cgroup; cat memory/memory.memsw.limit_in_bytes hugetlb/hugetlb.2MB.limit_in_bytes 2>/dev/null"
    told = (await pod.says(container_id, more)).split()
    assert set(told) <= {str(96 * MIB), str(4 * MIB)}, told
    update = cri.LinuxContainerResources(memory_limit_in_bytes=80 * MIB, memory_swap_limit_in_bytes=96 * MIB,
                                         cpu_shares=256, cpu_quota=-1, cpu_period=100_000)
    await shim.runtime.UpdateContainerResources(
        cri.UpdateContainerResourcesRequest(container_id=container_id, linux=update)
    )
    assert (await pod.says(container_id, read)).split() == [str(80 * MIB), "256", "-1", "100000", "0", "321"]


CDI = {"cdiVersion": "0.5.0", "kind": "example.com/thing", "devices": [
    {"name": "one", "containerEdits": {"env": ["THING=one"], "deviceNodes": [
        {"path": "/dev/thing", "hostPath": "/dev/null", "type": "c", "major": 1, "minor": 3}]}}]}


async def test_devices(shim: ShimUnderTest) -> None:
    """By path, with what they permit, and by CDI from Engine 25 on."""
    pod = await Pod(shim, "devices").run()
    # One that no container may use unless it is told so.
    devices = [cri.Device(host_path="/dev/loop-control", container_path="/dev/mine", permissions="r")]
    container_id = await pod.container(devices=devices)
    assert await pod.says(container_id, "(: < /dev/mine) && echo read; (: > /dev/mine) || echo no") == "read\nno\n"
    shim.node.path("/etc/cdi").mkdir(exist_ok=True)
    shim.node.path("/etc/cdi/thing.json").write_text(json.dumps(CDI))
    named = [cri.CDIDevice(name="example.com/thing=one")]
    if shim.node.engine == "20.10":
        with pytest.raises(errors.UnimplementedError, match=r"CDI.*Engine 25"):
            await pod.container(CDI_devices=named)
        return
    container_id = await pod.container(CDI_devices=named)
    said = await pod.says(container_id, "tr '\\0' '\\n' </proc/1/environ | grep THING; echo x > /dev/thing && echo ok")
    assert said == "THING=one\nok\n"


async def test_mounts_below_mounts(shim: ShimUnderTest) -> None:
    """Recursive read-only and propagation, as the process sees them."""
    node = shim.node
    await node.run(["sh", "-c", "mkdir -p /run/above/below && mount -t tmpfs below /run/above/below"])
    pod = await Pod(shim, "mounts").run()
    try:
        plain = cri.Mount(host_path="/run/above", container_path="/plain", readonly=True)
        slave = cri.Mount(host_path="/run/above", container_path="/slave",
                          propagation=cri.PROPAGATION_HOST_TO_CONTAINER)
        private = cri.Mount(host_path="/run/above", container_path="/private")
        container_id = await pod.container(mounts=[plain, slave, private])
        tries = "touch /plain/x 2>/dev/null || echo ro; touch /plain/below/x && echo rw"
        assert await pod.says(container_id, tries) == "ro\nrw\n"
        await node.run(["sh", "-c", "mkdir -p /run/above/later && mount -t tmpfs later /run/above/later"])
        await node.run(["touch", "/run/above/later/seen"])
        assert await pod.says(container_id, "ls /slave/later; echo; ls /private/later") == "seen\n\n"
        recursive = cri.Mount(host_path="/run/above", container_path="/r", readonly=True, recursive_read_only=True)
        if node.engine == "20.10":
            with pytest.raises(errors.InvalidArgumentError, match="RROUnsupported"):
                await pod.container(mounts=[recursive])
        else:
            container_id = await pod.container(mounts=[recursive])
            assert await pod.says(container_id, "touch /r/below/x 2>/dev/null || echo ro") == "ro\n"
            (shown,) = (await shim.status(container_id)).mounts
            assert shown.recursive_read_only
    finally:
        await shim.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=pod.id))
        await node.run(["sh", "-c", "umount /run/above/later; umount /run/above/below"], check=False)
