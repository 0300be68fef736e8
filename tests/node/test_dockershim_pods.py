"""The dockershim over real engines: the life of pods, from RunPodSandbox to nothing left."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from shim_under_test import BUSYBOX, ShimUnderTest, eventually

from conformance.throwaway import ThrowawayNode
from cri import errors
from cri.logformat import parse_line
from cri.v1 import api_pb2 as cri

SLEEP = "trap 'exit 3' TERM; while :; do sleep 0.1; done"


@pytest_asyncio.fixture
async def shim(engine_node: ThrowawayNode) -> AsyncIterator[ShimUnderTest]:
    async with ShimUnderTest(engine_node) as under_test:
        yield under_test


async def names_of_containers(node: ThrowawayNode) -> list[str]:
    listed = await node.run(["docker", "ps", "-a", "--format", "{{.Names}}"])
    return sorted(name for name in listed.stdout.split() if name.startswith("k8s_"))


async def leases(node: ThrowawayNode) -> list[str]:
    listed = await node.run(["sh", "-c", "ls /var/lib/cni/networks/podwright 2>/dev/null | grep '^10' || true"])
    return listed.stdout.split()


async def test_a_pod_lives_and_leaves_nothing(shim: ShimUnderTest) -> None:
    pod = shim.pod()
    sandbox_id = await shim.run_pod(pod)
    sandbox = await shim.sandbox_status(sandbox_id)
    assert sandbox.state == cri.SANDBOX_READY
    assert sandbox.network.ip in await leases(shim.node)
    assert sandbox.metadata == pod.metadata
    assert sandbox.labels == pod.labels and sandbox.annotations == pod.annotations

    container_id = await shim.create(sandbox_id, pod, shim.container(f"echo out; echo err >&2; {SLEEP}"))
    assert (await shim.status(container_id)).state == cri.CONTAINER_CREATED
    await shim.start_container(container_id)
    running = await shim.status(container_id)
    assert running.state == cri.CONTAINER_RUNNING
    assert 0 < running.created_at < running.started_at
    assert running.image.image == BUSYBOX
    assert running.image_id == running.image_ref or running.image_ref.endswith(running.image_ref.rpartition("@")[2])
    assert running.user.linux.uid == 0 and not running.mounts

    listed = (await shim.runtime.ListContainers(cri.ListContainersRequest())).containers
    assert [(item.id, item.pod_sandbox_id, item.state) for item in listed] == [
        (container_id, sandbox_id, cri.CONTAINER_RUNNING)
    ]
    inside = await shim.exec(container_id, "cat /etc/resolv.conf; hostname; cat /etc/hosts; ip addr show eth0")
    assert inside.exit_code == 0
    text = inside.stdout.decode()
    assert text.startswith("nameserver 10.96.0.10\nsearch test.svc\noptions ndots:5\npod\n127.0.0.1\tlocalhost\n")
    assert f"inet {sandbox.network.ip}/" in text

    await shim.runtime.StopContainer(cri.StopContainerRequest(container_id=container_id, timeout=10))
    ended = await shim.status(container_id)
    assert (ended.state, ended.exit_code, ended.reason) == (cri.CONTAINER_EXITED, 3, "Error")
    assert ended.finished_at > running.started_at
    records = [parse_line(line.encode()) for line in shim.log(ended.log_path).splitlines()]
    assert {(record.stream, record.text) for record in records if record} == {("stdout", b"out"), ("stderr", b"err")}

    for _ in range(2):  # both are idempotent
        await shim.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=sandbox_id))
    stopped = await shim.sandbox_status(sandbox_id)
    assert stopped.state == cri.SANDBOX_NOTREADY and not stopped.network.ip
    for _ in range(2):
        await shim.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id))
    assert await names_of_containers(shim.node) == []
    assert await leases(shim.node) == []
    count = f"ls {shim.root}/sandboxes {shim.root}/files | grep -c '^[0-9a-f]' || true"
    left = await shim.node.run(["sh", "-c", count])
    assert left.stdout.strip() == "0"


async def test_unknown_ids(shim: ShimUnderTest) -> None:
    await shim.runtime.StopContainer(cri.StopContainerRequest(container_id="deadbeef", timeout=1))
    await shim.runtime.RemoveContainer(cri.RemoveContainerRequest(container_id="deadbeef"))
    await shim.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id="deadbeef"))
    await shim.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id="deadbeef"))
    with pytest.raises(errors.NotFoundError):
        await shim.status("deadbeef")
    with pytest.raises(errors.NotFoundError):
        await shim.sandbox_status("deadbeef")
    with pytest.raises(errors.NotFoundError):
        await shim.start_container("deadbeef")
    with pytest.raises(errors.NotFoundError):
        await shim.exec("deadbeef", "true")


async def test_create_calls_are_idempotent(shim: ShimUnderTest) -> None:
    pod = shim.pod("twice")
    first, second = await asyncio.gather(shim.run_pod(pod), shim.run_pod(pod))
    assert first == second == await shim.run_pod(pod)
    config = shim.container(SLEEP)
    container_id = await shim.create(first, pod, config)
    assert await shim.create(first, pod, config) == container_id
    await shim.start_container(container_id)
    with pytest.raises(errors.AlreadyExistsError):
        await shim.create(first, pod, config)
    other = shim.pod("twice")
    other.hostname = "other"
    with pytest.raises(errors.AlreadyExistsError):
        await shim.run_pod(other)
    assert len(await names_of_containers(shim.node)) == 2


async def test_a_half_made_sandbox_is_not_ready_and_is_replaced(shim: ShimUnderTest) -> None:
    pod = shim.pod("half")
    name = f"k8s_POD_half_test_{pod.metadata.uid}_0"
    await shim.node.run(
        ["docker", "create", "--name", name, "--network=none", "--label=io.kubernetes.docker.type=podsandbox",
         "--label=io.podwright.config-hash=ours", BUSYBOX, "sleep", "1000"]
    )
    await shim.node.run(["docker", "start", name])

    async def listed() -> cri.PodSandbox | None:
        items = (await shim.runtime.ListPodSandbox(cri.ListPodSandboxRequest())).items
        return items[0] if items else None

    half = await eventually(listed, "the half-made sandbox in the list")
    assert half.state == cri.SANDBOX_NOTREADY
    sandbox_id = await shim.run_pod(pod)
    assert sandbox_id != half.id
    assert (await shim.sandbox_status(sandbox_id)).state == cri.SANDBOX_READY
    assert await names_of_containers(shim.node) == [name]


async def test_a_failed_network_leaves_no_sandbox(fresh_node: ThrowawayNode) -> None:
    conflist = {"cniVersion": "1.0.0", "name": "podwright", "plugins": [{"type": "bridge", "ipam": {"type": "static"}}]}
    fresh_node.path("/etc/cni/net.d/10-podwright.conflist").write_text(json.dumps(conflist))
    async with ShimUnderTest(fresh_node) as shim:
        with pytest.raises(errors.CriError) as failure:
            await shim.run_pod(shim.pod("unlucky"))
        assert failure.type is not errors.UnknownError
        assert "bridge" in failure.value.message
        assert await names_of_containers(fresh_node) == []


async def test_events_carry_the_whole_pod(shim: ShimUnderTest) -> None:
    seen: list[cri.ContainerEventResponse] = []
    names = cri.ContainerEventType.Name

    async def follow() -> None:
        async for event in shim.runtime.events():
            seen.append(event)  # noqa: PERF401 - each is looked at while others come

    async with asyncio.TaskGroup() as group:
        following = group.create_task(follow())
        await asyncio.sleep(0.2)
        pod = shim.pod("events")
        sandbox_id = await shim.run_pod(pod)
        container_id = await shim.run_container(sandbox_id, pod, shim.container("exit 5"))

        async def stopped() -> bool | None:
            return any(names(event.container_event_type) == "CONTAINER_STOPPED_EVENT" for event in seen) or None

        await eventually(stopped, "the end of the container")
        await shim.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id))

        async def deleted() -> bool | None:
            return any(event.container_id == sandbox_id and names(event.container_event_type)
                       == "CONTAINER_DELETED_EVENT" for event in seen) or None

        await eventually(deleted, "the removal of the sandbox")
        following.cancel()
    told = [(event.container_id == sandbox_id, names(event.container_event_type)) for event in seen]
    assert told == [
        (True, "CONTAINER_CREATED_EVENT"), (True, "CONTAINER_STARTED_EVENT"),
        (False, "CONTAINER_CREATED_EVENT"), (False, "CONTAINER_STARTED_EVENT"), (False, "CONTAINER_STOPPED_EVENT"),
        (True, "CONTAINER_STOPPED_EVENT"), (False, "CONTAINER_DELETED_EVENT"), (True, "CONTAINER_DELETED_EVENT"),
    ]
    assert seen[0].pod_sandbox_status.network.ip
    ended = seen[4]
    assert ended.pod_sandbox_status.id == sandbox_id
    assert [(status.id, status.exit_code) for status in ended.containers_statuses] == [(container_id, 5)]


async def test_exec_sync(shim: ShimUnderTest) -> None:
    pod = shim.pod("exec")
    sandbox_id = await shim.run_pod(pod)
    container_id = await shim.run_container(sandbox_id, pod, shim.container(SLEEP))
    done = await shim.exec(container_id, "echo out; echo err >&2; exit 7")
    assert (done.stdout, done.stderr, done.exit_code) == (b"out\n", b"err\n", 7)
    assert (await shim.exec(container_id, "kill -9 $$")).exit_code == 137
    many = await asyncio.gather(*(shim.exec(container_id, f"exit {number}") for number in range(20)))
    assert [answer.exit_code for answer in many] == list(range(20))

    with pytest.raises(errors.DeadlineExceededError):
        await shim.exec(container_id, "sleep 4711 & (sleep 4712; true)", timeout=1)
    left = await shim.exec(container_id, "ps | grep 'sleep 471[12]' || true")
    assert left.stdout == b""

    # a child that keeps the output open does not keep the probe waiting
    background = await shim.exec(container_id, "sleep 30 & echo started", timeout=10)
    assert (background.stdout, background.exit_code) == (b"started\n", 0)

    missing = cri.ExecSyncRequest(container_id=container_id, cmd=["/no/such/program"], timeout=5)
    try:
        answer = await shim.runtime.ExecSync(missing)
        assert answer.exit_code in (126, 127)
    except errors.CriError as error:
        assert not isinstance(error, errors.UnknownError)


async def test_exec_output_is_capped(shim: ShimUnderTest) -> None:
    pod = shim.pod("loud")
    sandbox_id = await shim.run_pod(pod)
    container_id = await shim.run_container(sandbox_id, pod, shim.container(SLEEP))
    loud = await shim.exec(container_id, "head -c 20000000 /dev/zero; exit 4", timeout=60)
    assert loud.exit_code == 4
    assert 15_000_000 < len(loud.stdout) <= 16 * 1024 * 1024


async def test_security_context_reaches_the_process(shim: ShimUnderTest) -> None:
    pod = shim.pod("secure")
    sandbox_id = await shim.run_pod(pod)
    context = cri.LinuxContainerSecurityContext(
        run_as_user=cri.Int64Value(value=1234), run_as_group=cri.Int64Value(value=2345), supplemental_groups=[3456],
        readonly_rootfs=True, no_new_privs=True, masked_paths=["/proc/timer_list"], readonly_paths=["/proc/sys"],
        capabilities=cri.Capability(drop_capabilities=["ALL"], add_capabilities=["NET_BIND_SERVICE"]),
        seccomp=cri.SecurityProfile(profile_type=cri.SecurityProfile.RuntimeDefault),
        namespace_options=cri.NamespaceOption(pid=cri.CONTAINER),
    )
    linux = cri.LinuxContainerConfig(
        security_context=context,
        resources=cri.LinuxContainerResources(
            memory_limit_in_bytes=64 << 20, cpu_shares=512, cpu_quota=50_000, cpu_period=100_000, oom_score_adj=500
        ),
    )
    container_id = await shim.run_container(sandbox_id, pod, shim.container(SLEEP, linux=linux))
    said = (await shim.exec(container_id, "grep -E 'Uid|Gid|Groups|CapBnd|NoNewPrivs|Seccomp:' /proc/1/status")).stdout
    fields = {line.split(":")[0]: line.split()[1:] for line in said.decode().splitlines()}
    assert fields["Uid"][0] == "1234" and fields["Gid"][0] == "2345"
    assert set(fields["Groups"]) >= {"3456"}
    assert int(fields["CapBnd"][0], 16) == 1 << 10
    assert fields["NoNewPrivs"] == ["1"] and fields["Seccomp"] == ["2"]
    assert (await shim.exec(container_id, "touch /x")).exit_code != 0
    assert (await shim.exec(container_id, "cat /proc/1/oom_score_adj")).stdout == b"500\n"
    status = await shim.status(container_id)
    assert status.resources.linux.memory_limit_in_bytes == 64 << 20
    assert (status.resources.linux.cpu_quota, status.resources.linux.cpu_period) == (50_000, 100_000)
    assert (status.user.linux.uid, status.user.linux.gid) == (1234, 2345)

    update = cri.LinuxContainerResources(memory_limit_in_bytes=96 << 20, cpu_quota=80_000, cpu_period=100_000)
    await shim.runtime.UpdateContainerResources(
        cri.UpdateContainerResourcesRequest(container_id=container_id, linux=update)
    )
    resized = (await shim.status(container_id)).resources.linux
    assert (resized.memory_limit_in_bytes, resized.cpu_quota) == (96 << 20, 80_000)


async def test_what_cannot_be_is_refused_with_a_reason(shim: ShimUnderTest) -> None:
    pod = shim.pod("refused")
    sandbox_id = await shim.run_pod(pod)

    async def create(**fields: object) -> None:
        linux = cri.LinuxContainerConfig(security_context=cri.LinuxContainerSecurityContext(**fields))  # type: ignore[arg-type]
        await shim.create(sandbox_id, pod, shim.container("true", linux=linux))

    with pytest.raises(errors.InvalidArgumentError, match="runAsGroup is specified without"):
        await create(run_as_group=cri.Int64Value(value=5))
    with pytest.raises(errors.InvalidArgumentError, match="AppArmor"):
        await create(apparmor=cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost, localhost_ref="x"))
    with pytest.raises(errors.InvalidArgumentError, match="cannot load seccomp profile '/nope'"):
        await create(seccomp=cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost, localhost_ref="/nope"))
    with pytest.raises(errors.UnimplementedError, match="ambient capabilities"):
        await create(capabilities=cri.Capability(add_ambient_capabilities=["NET_BIND_SERVICE"]))
    with pytest.raises(errors.InvalidArgumentError, match="without a target"):
        await create(namespace_options=cri.NamespaceOption(pid=cri.TARGET))
    own_users = cri.NamespaceOption(userns_options=cri.UserNamespace(mode=cri.POD))
    with pytest.raises(errors.UnimplementedError, match="hostUsers: false"):
        await create(namespace_options=own_users)
    with pytest.raises(errors.InvalidArgumentError, match="no runtime for 'kata'"):
        request = cri.RunPodSandboxRequest(config=shim.pod("kata"), runtime_handler="kata")
        await shim.runtime.RunPodSandbox(request)
    with pytest.raises(errors.UnimplementedError, match="hostUsers: false"):
        config = shim.pod("users")
        config.linux.security_context.namespace_options.CopyFrom(own_users)
        await shim.run_pod(config)
    assert len(await names_of_containers(shim.node)) == 1


async def test_mounts_and_devices_that_cannot_be_are_refused_with_a_reason(shim: ShimUnderTest) -> None:
    pod = shim.pod("no-mounts")
    sandbox_id = await shim.run_pod(pod)
    old = shim.node.engine == "20.10"

    async def refused(kind: type[errors.CriError], text: str, mount: cri.Mount) -> None:
        with pytest.raises(kind, match=text):
            await shim.create(sandbox_id, pod, shim.container("true", mounts=[mount]))

    invalid, impossible = errors.InvalidArgumentError, errors.UnimplementedError
    image = cri.ImageSpec(image=BUSYBOX)
    await refused(invalid, "is not absolute", cri.Mount(host_path="run", container_path="/c"))
    await refused(invalid, "no container path", cri.Mount(host_path="/run"))
    await refused(impossible, "id-mapped", cri.Mount(host_path="/run", container_path="/c", uidMappings=[
        cri.IDMapping(length=1)]))
    await refused(invalid, "an image volume without readOnly", cri.Mount(container_path="/c", image=image))
    recursive = cri.Mount(host_path="/run", container_path="/c", readonly=True, recursive_read_only=True)
    if old:
        await refused(invalid, "^RROUnsupported", recursive)
        await refused(impossible, "^ImageVolumeMountFailed", cri.Mount(container_path="/c", image=image, readonly=True))
    else:
        recursive.propagation = cri.PROPAGATION_BIDIRECTIONAL
        await refused(invalid, "private propagation", recursive)
        lost = cri.Mount(container_path="/c", image=image, readonly=True, image_sub_path="not/there")
        await refused(invalid, "^ImageVolumeMountFailed: mount at /c: sub-path 'not/there'", lost)
    with pytest.raises(impossible if old else errors.CriError, match=r"CDI|cdi"):
        device = cri.CDIDevice(name="vendor.example/none=0")
        await shim.start_container(await shim.create(sandbox_id, pod, shim.container("true", CDI_devices=[device])))


async def test_a_container_that_cannot_start_says_why(shim: ShimUnderTest) -> None:
    pod = shim.pod("unstartable")
    sandbox_id = await shim.run_pod(pod)
    config = shim.container("true")
    config.command[:] = ["/no/such/program"]
    container_id = await shim.create(sandbox_id, pod, config)
    with pytest.raises(errors.CriError, match="/no/such/program") as failure:
        await shim.start_container(container_id)
    assert failure.type is not errors.UnknownError
    status = await shim.status(container_id)
    assert (status.state, status.reason) == (cri.CONTAINER_EXITED, "ContainerCannotRun")
    assert status.exit_code in (127, 128) and "/no/such/program" in status.message


async def test_mounts_namespaces_and_stats(shim: ShimUnderTest) -> None:
    pod = shim.pod("shared")
    pod.linux.security_context.namespace_options.pid = cri.POD
    sandbox_id = await shim.run_pod(pod)
    shim.node.path("/run/volume").mkdir(exist_ok=True)
    shim.node.path("/run/volume/file").write_text("from the volume")
    mounts = [
        cri.Mount(host_path="/run/volume", container_path="/data", readonly=True),
        cri.Mount(host_path="/run/made-by-the-shim", container_path="/made"),
        cri.Mount(host_path="/run/volume", container_path="/slave",
                  propagation=cri.PROPAGATION_HOST_TO_CONTAINER),
    ]
    linux = cri.LinuxContainerConfig(
        security_context=cri.LinuxContainerSecurityContext(namespace_options=cri.NamespaceOption(pid=cri.POD))
    )
    config = shim.container(SLEEP, mounts=mounts, linux=linux, envs=[cri.KeyValue(key="GREETING", value=b"hi")])
    container_id = await shim.run_container(sandbox_id, pod, config)
    said = (await shim.exec(container_id, "cat /data/file; echo; echo $GREETING; touch /made/x; ps | head -3")).stdout
    assert said.decode().startswith("from the volume\nhi\n") and "pause" in said.decode()
    assert (await shim.exec(container_id, "touch /data/x")).exit_code != 0
    status = await shim.status(container_id)
    assert [(mount.container_path, mount.host_path, mount.readonly, mount.propagation) for mount in status.mounts] == [
        ("/data", "/run/volume", True, cri.PROPAGATION_PRIVATE),
        ("/made", "/run/made-by-the-shim", False, cri.PROPAGATION_PRIVATE),
        ("/slave", "/run/volume", False, cri.PROPAGATION_HOST_TO_CONTAINER),
    ]

    await shim.exec(container_id, "head -c 3000000 /dev/zero > /big")
    stats = (await shim.runtime.ContainerStats(cri.ContainerStatsRequest(container_id=container_id))).stats
    assert stats.cpu.usage_core_nano_seconds.value > 0
    assert 0 < stats.memory.working_set_bytes.value <= stats.memory.usage_bytes.value
    assert stats.attributes.metadata.name == "main"
    assert stats.writable_layer.used_bytes.value >= 3_000_000
    whole = (await shim.runtime.PodSandboxStats(cri.PodSandboxStatsRequest(pod_sandbox_id=sandbox_id))).stats
    assert whole.linux.cpu.usage_core_nano_seconds.value >= stats.cpu.usage_core_nano_seconds.value
    assert whole.linux.network.default_interface.name == "eth0"
    assert [one.attributes.id for one in whole.linux.containers] == [container_id]
    space = await shim.images.ImageFsInfo(cri.ImageFsInfoRequest())
    assert space.image_filesystems[0].fs_id.mountpoint == "/var/lib/docker"
    assert space.image_filesystems[0].used_bytes.value > 0 and len(space.container_filesystems) == 1


async def test_strict_groups_are_those_that_were_asked_for(shim: ShimUnderTest) -> None:
    """The image puts its user into another group; Strict leaves that out, also where only the image tells the group."""
    script = "mkdir -p /etc; echo alice:x:1000:1007::/:/bin/sh > /etc/passwd; echo extra:x:50000:alice > /etc/group"
    made = await shim.node.run(["docker", "run", "-d", "--network=none", BUSYBOX, "sh", "-c", script])
    await shim.node.run(["docker", "wait", made.stdout.strip()])
    await shim.node.run(["docker", "commit", made.stdout.strip(), "localhost/with-groups:1"])
    await shim.node.run(["docker", "rm", made.stdout.strip()])
    pod = shim.pod("groups")
    pod.linux.security_context.supplemental_groups_policy = cri.Strict
    sandbox_id = await shim.run_pod(pod)
    groups = {}
    cases = (
        ("merge", cri.Merge, None), ("strict", cri.Strict, None), ("again", cri.Strict, None),
        ("own", cri.Strict, 1000),
    )  # fmt: skip
    for name, policy, own in cases:
        context = cri.LinuxContainerSecurityContext(
            run_as_user=cri.Int64Value(value=1000), supplemental_groups=[60000], supplemental_groups_policy=policy,
            namespace_options=cri.NamespaceOption(pid=cri.CONTAINER),
        )
        if own:
            context.run_as_group.value = own
        linux = cri.LinuxContainerConfig(security_context=context)
        config = shim.container(SLEEP, name=name, linux=linux)
        config.image.image = "localhost/with-groups:1"
        container_id = await shim.run_container(sandbox_id, pod, config)
        user = (await shim.status(container_id)).user.linux
        groups[name] = (user.gid, set(user.supplemental_groups) - {user.gid})
        said = await shim.exec(container_id, "id -G")
        assert {int(group) for group in said.stdout.split()} == {user.gid, *user.supplemental_groups}
    assert groups == {
        "merge": (1007, {50000, 60000}), "strict": (1007, {60000}), "again": (1007, {60000}), "own": (1000, {60000}),
    }  # fmt: skip
    left = await shim.node.run(["docker", "ps", "-aq", "--filter=name=podwright-look"])
    assert left.stdout == ""
    await shim.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id))
    await shim.images.RemoveImage(cri.RemoveImageRequest(image=cri.ImageSpec(image="localhost/with-groups:1")))


async def test_facts_of_the_runtime(shim: ShimUnderTest) -> None:
    version = await shim.runtime.Version(cri.VersionRequest())
    assert (version.runtime_name, version.runtime_api_version) == ("docker", "v1")
    assert version.runtime_version.startswith(str(shim.node.engine))
    assert (await shim.runtime.RuntimeConfig(cri.RuntimeConfigRequest())).linux.cgroup_driver == cri.CGROUPFS
    cidr = cri.RuntimeConfig(network_config=cri.NetworkConfig(pod_cidr="10.244.0.0/24"))
    await shim.runtime.UpdateRuntimeConfig(cri.UpdateRuntimeConfigRequest(runtime_config=cidr))
    status = await shim.runtime.Status(cri.StatusRequest(verbose=True))
    assert all(condition.status for condition in status.status.conditions)
    assert json.loads(status.info["engine"])["cgroupDriver"] == "cgroupfs"


async def test_stats_of_all_pods(shim: ShimUnderTest) -> None:
    """Of those that run; filters by id and label."""
    ids: dict[str, tuple[str, str]] = {}
    for name in ("one", "two"):
        pod = shim.pod(name)
        sandbox_id = await shim.run_pod(pod)
        ids[name] = (sandbox_id, await shim.run_container(sandbox_id, pod, shim.container(SLEEP, name=name)))
    listed = (await shim.runtime.ListContainerStats(cri.ListContainerStatsRequest())).stats
    assert {one.attributes.id for one in listed} == {container for _, container in ids.values()}
    wanted = cri.ContainerStatsFilter(pod_sandbox_id=ids["two"][0])
    listed = (await shim.runtime.ListContainerStats(cri.ListContainerStatsRequest(filter=wanted))).stats
    assert [one.attributes.metadata.name for one in listed] == ["two"]
    pods = (await shim.runtime.ListPodSandboxStats(cri.ListPodSandboxStatsRequest())).stats
    assert {one.attributes.id for one in pods} == {sandbox for sandbox, _ in ids.values()}
    labelled = cri.PodSandboxStatsFilter(label_selector={"io.kubernetes.pod.name": "one"})
    pods = (await shim.runtime.ListPodSandboxStats(cri.ListPodSandboxStatsRequest(filter=labelled))).stats
    assert [one.attributes.metadata.name for one in pods] == ["one"]
    await shim.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=ids["one"][0]))
    listed = (await shim.runtime.ListContainerStats(cri.ListContainerStatsRequest())).stats
    assert [one.attributes.id for one in listed] == [ids["two"][1]]


async def test_a_log_is_reopened_without_losing_a_line(shim: ShimUnderTest) -> None:
    pod = shim.pod("rotated")
    sandbox_id = await shim.run_pod(pod)
    script = "n=0; while [ $n -lt 300 ]; do echo line $n; n=$((n+1)); sleep 0.01; done"
    container_id = await shim.run_container(sandbox_id, pod, shim.container(script))
    path = shim.node.path((await shim.status(container_id)).log_path)

    async def begun() -> bool | None:
        return (path.exists() and path.stat().st_size > 500) or None

    await eventually(begun, "the first lines")
    rotated = path.with_suffix(".log.1")
    path.rename(rotated)
    await shim.runtime.ReopenContainerLog(cri.ReopenContainerLogRequest(container_id=container_id))
    assert path.exists()
    await shim.exited(container_id)
    lines = [parse_line(line.encode()) for file in (rotated, path) for line in file.read_text().splitlines()]
    assert [line.text.decode() for line in lines if line] == [f"line {number}" for number in range(300)]
    rotated.unlink()
    with pytest.raises(errors.FailedPreconditionError):
        await shim.runtime.ReopenContainerLog(cri.ReopenContainerLogRequest(container_id=container_id))


async def test_remove_of_a_running_and_of_a_gone_container(shim: ShimUnderTest) -> None:
    pod = shim.pod("removed")
    sandbox_id = await shim.run_pod(pod)
    container_id = await shim.run_container(sandbox_id, pod, shim.container(SLEEP))
    with pytest.raises(errors.UnimplementedError, match="checkpoints"):
        await shim.runtime.CheckpointContainer(cri.CheckpointContainerRequest(container_id=container_id))
    for _ in range(2):
        await shim.runtime.StopContainer(cri.StopContainerRequest(container_id=container_id, timeout=0))
    running = await shim.run_container(sandbox_id, pod, shim.container(SLEEP, name="other"))
    for gone in (container_id, running, running):
        await shim.runtime.RemoveContainer(cri.RemoveContainerRequest(container_id=gone))
    assert not (await shim.runtime.ListContainers(cri.ListContainersRequest())).containers


async def test_host_network(shim: ShimUnderTest) -> None:
    pod = shim.pod("host")
    pod.hostname = ""
    pod.linux.security_context.namespace_options.network = cri.NODE
    sandbox_id = await shim.run_pod(pod)
    sandbox = await shim.sandbox_status(sandbox_id)
    assert sandbox.state == cri.SANDBOX_READY and sandbox.network.ip == ""
    assert sandbox.linux.namespaces.options.network == cri.NODE
    linux = cri.LinuxContainerConfig(
        security_context=cri.LinuxContainerSecurityContext(namespace_options=cri.NamespaceOption(network=cri.NODE))
    )
    container_id = await shim.run_container(sandbox_id, pod, shim.container(SLEEP, linux=linux))
    said = (await shim.exec(container_id, "readlink /proc/self/ns/net; hostname; cat /etc/resolv.conf")).stdout.decode()
    node_net = (await shim.node.run(["readlink", "/proc/self/ns/net"])).stdout
    assert said == f"{node_net}{shim.node.name}\nnameserver 10.96.0.10\nsearch test.svc\noptions ndots:5\n"


async def test_images(shim: ShimUnderTest) -> None:
    listed = (await shim.images.ListImages(cri.ListImagesRequest())).images
    by_name = {name: image for image in listed for name in image.repo_tags}
    assert by_name["registry.k8s.io/pause:3.10.2"].pinned and not by_name[BUSYBOX].pinned
    one = (await shim.images.ImageStatus(cri.ImageStatusRequest(image=cri.ImageSpec(image=BUSYBOX)))).image
    assert one.id == by_name[BUSYBOX].id and one.size > 0 and one.uid.value == 0
    none = await shim.images.ImageStatus(cri.ImageStatusRequest(image=cri.ImageSpec(image="no/such:image")))
    assert not none.HasField("image")
    await shim.images.RemoveImage(cri.RemoveImageRequest(image=cri.ImageSpec(image="no/such:image")))
    for extra in ("one", "two"):
        await shim.node.run(["docker", "import", "-", f"localhost/extra:{extra}"], stdin="")
    extra_id = (await shim.images.ImageStatus(cri.ImageStatusRequest(image=cri.ImageSpec(image="localhost/extra:one"))))
    await shim.node.run(["docker", "tag", "localhost/extra:one", "localhost/third:name"])
    request = cri.RemoveImageRequest(image=cri.ImageSpec(image="localhost/extra:one"))
    await asyncio.gather(*(shim.images.RemoveImage(request) for _ in range(2)))
    gone = await shim.images.ImageStatus(cri.ImageStatusRequest(image=cri.ImageSpec(image=extra_id.image.id)))
    third = await shim.images.ImageStatus(cri.ImageStatusRequest(image=cri.ImageSpec(image="localhost/third:name")))
    assert not third.HasField("image")
    assert not gone.HasField("image") or gone.image.repo_tags == ["localhost/extra:two"]  # of two imports, or of one
    await shim.images.RemoveImage(cri.RemoveImageRequest(image=cri.ImageSpec(image="localhost/extra:two")))


async def test_pods_of_cri_dockerd_are_taken_over(shim: ShimUnderTest) -> None:
    """Names and labels as cri-dockerd's core/naming.go and core/helpers.go make them."""
    pod_name, uid = "adopted", f"uid-adopted-{shim.number}"
    sandbox_id = (await shim.node.run(
        ["docker", "run", "-d", "--name", f"k8s_POD_{pod_name}_test_{uid}_2", "--network=none", "--ipc=shareable",
         "--label=io.kubernetes.docker.type=podsandbox", "--label=io.kubernetes.container.name=POD",
         f"--label=io.kubernetes.pod.uid={uid}", "--label=annotation.example.org/a=b", BUSYBOX, "sleep", "1000"]
    )).stdout.strip()
    container_id = (await shim.node.run(
        ["docker", "run", "-d", "--name", f"k8s_main_{pod_name}_test_{uid}_1", f"--network=container:{sandbox_id}",
         "--label=io.kubernetes.docker.type=container", f"--label=io.kubernetes.sandbox.id={sandbox_id}",
         "--label=io.kubernetes.container.logpath=/var/log/pods/x/main/1.log",
         "--label=io.kubernetes.container.name=main", BUSYBOX, "sleep", "1000"]
    )).stdout.strip()

    await shim.kill()  # it finds them at its start
    await shim.start()
    await shim.ready()
    sandbox = await shim.sandbox_status(sandbox_id)
    assert (sandbox.metadata.name, sandbox.metadata.uid, sandbox.metadata.attempt) == (pod_name, uid, 2)
    assert dict(sandbox.labels) == {"io.kubernetes.pod.uid": uid}
    assert dict(sandbox.annotations) == {"example.org/a": "b"}
    assert sandbox.state == cri.SANDBOX_READY
    status = await shim.status(container_id)
    assert (status.metadata.name, status.metadata.attempt, status.state) == ("main", 1, cri.CONTAINER_RUNNING)
    assert status.log_path == "/var/log/pods/x/main/1.log"
    assert dict(status.labels) == {"io.kubernetes.container.name": "main"}
    await shim.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=sandbox_id))
    assert (await shim.status(container_id)).state == cri.CONTAINER_EXITED
    await shim.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id))
    assert await names_of_containers(shim.node) == []
