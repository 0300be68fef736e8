# the tests look at a few small files themselves
"""Whole sandboxes and containers: security, resources, mounts, and the request as it leaves."""

import stat
from pathlib import Path
from typing import Any

import pytest

from cri.v1 import api_pb2 as cri
from kubelet.api.codec import convert
from kubelet.api.types import Pod
from kubelet.containerspec import (
    ContainerConfigError,
    ContainerInputs,
    ImageUser,
    NodeContext,
    ResolvConf,
    SandboxConfigError,
    container_config,
    sandbox_config,
)
from kubelet.containerspec.linux_resources import container_resources, oom_score_adj
from kubelet.containerspec.sandbox import dotted_sysctl
from kubelet.containerspec.security import container_security, sandbox_security, verify_non_root
from kubelet.devices.runoptions import DeviceMount, DeviceNode, DeviceOptions
from kubelet.syscalls import RecordingSyscalls
from kubelet.volumes.types import MountedVolume

GI = 2**30


def make_pod(
    containers: list[dict[str, Any]] | None = None, annotations: dict[str, str] | None = None, **spec: Any
) -> Pod:
    return convert(
        {
            "metadata": {"name": "web", "namespace": "shop", "uid": "u-1", "annotations": annotations or {}},
            "spec": {"containers": containers or [{"name": "c", "image": "i"}], **spec},
        },
        Pod,
    )


def node(root: Path = Path("/r"), **facts: Any) -> NodeContext:
    return NodeContext(node_name="n1", root_dir=root, pod_logs_dir=root / "logs", memory_capacity=100 * GI, **facts)


def test_sandbox_config() -> None:
    pod = make_pod(
        [
            {
                "name": "c",
                "ports": [
                    {"containerPort": 80, "hostPort": 8080, "hostIP": "1.2.3.4", "protocol": "UDP"},
                    {"containerPort": 80, "hostPort": 8080, "hostIP": "1.2.3.4", "protocol": "UDP"},
                    {"containerPort": 81},
                ],
                "resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": "1", "memory": "64Mi"}},
            }
        ],
        annotations={"note": "kept"},
        overhead={"cpu": "250m", "memory": "10Mi"},
        securityContext={
            "sysctls": [{"name": "net/ipv4/tcp_syncookies", "value": "1"}],
            "runAsUser": 7,
            "fsGroup": 9,
            "supplementalGroups": [11],
            "supplementalGroupsPolicy": "Strict",
        },
    )
    config, warnings = sandbox_config(pod, 2, node(), host_dns=ResolvConf(("9.9.9.9",)), cgroup_parent="/kubepods/x")
    assert (config.metadata.name, config.metadata.attempt, config.hostname) == ("web", 2, "web")
    assert config.log_directory == "/r/logs/shop_web_u-1"
    assert [(m.host_port, m.container_port, m.host_ip, m.protocol) for m in config.port_mappings] == [
        (8080, 80, "1.2.3.4", cri.UDP),
        (0, 81, "", cri.TCP),
    ]
    assert dict(config.annotations) == {"note": "kept"}
    linux = config.linux
    assert (linux.cgroup_parent, dict(linux.sysctls)) == ("/kubepods/x", {"net.ipv4.tcp_syncookies": "1"})
    assert list(linux.security_context.supplemental_groups) == [9, 11]
    assert linux.security_context.supplemental_groups_policy == cri.Strict
    assert linux.security_context.seccomp.profile_type == cri.SecurityProfile.RuntimeDefault
    assert (linux.resources.cpu_shares, linux.resources.cpu_quota, linux.resources.memory_limit_in_bytes) == (
        512,
        100_000,
        64 * 2**20,
    )
    assert (linux.overhead.cpu_shares, linux.overhead.cpu_quota, linux.overhead.memory_limit_in_bytes) == (
        256,
        25_000,
        10 * 2**20,
    )
    assert [warning.reason for warning in warnings] == ["MissingClusterDNS", "MissingClusterDNS"]


def test_host_network_sandbox_has_no_hostname() -> None:
    config, _ = sandbox_config(
        make_pod(hostNetwork=True, hostPID=True, hostIPC=True, dnsPolicy="Default"), 0, node(), host_dns=ResolvConf()
    )
    options = config.linux.security_context.namespace_options
    assert (config.hostname, options.network, options.pid, options.ipc) == ("", cri.NODE, cri.NODE, cri.NODE)


def test_user_namespaces_are_refused_rather_than_ignored() -> None:
    with pytest.raises(SandboxConfigError, match="hostUsers: false"):
        sandbox_config(make_pod(hostUsers=False), 0, node(), host_dns=ResolvConf())


def test_a_pods_own_user_namespace_is_the_sandboxs_and_the_containers() -> None:
    block = cri.IDMapping(host_id=65536, container_id=0, length=65536)
    users = cri.UserNamespace(mode=cri.POD, uids=[block], gids=[block])
    pod = make_pod(hostUsers=False, dnsPolicy="Default")
    config, _ = sandbox_config(pod, 0, node(), host_dns=ResolvConf(), users=users)
    security = container_security(pod, pod.spec.containers[0], ImageUser(), node(), users=users)
    assert config.linux.security_context.namespace_options.userns_options == users
    assert security.namespace_options.userns_options == users
    shared, _ = sandbox_config(make_pod(dnsPolicy="Default"), 0, node(), host_dns=ResolvConf())
    assert shared.linux.security_context.namespace_options.userns_options == cri.UserNamespace(mode=cri.NODE)


@pytest.mark.parametrize(
    ("name", "dotted"),
    [
        ("net.ipv4.x", "net.ipv4.x"),
        ("net/ipv4/x", "net.ipv4.x"),
        ("net/ipv4/eth0.1/x", "net.ipv4.eth0/1.x"),
        ("net.ipv4.eth0/1.x", "net.ipv4.eth0/1.x"),
        ("kernel", "kernel"),
    ],
)
def test_sysctl_names(name: str, dotted: str) -> None:
    assert dotted_sysctl(name) == dotted


@pytest.mark.parametrize(
    ("pod_security", "security", "image", "message"),
    [
        ({"runAsNonRoot": True}, {}, ImageUser(uid=0), "container has runAsNonRoot and image will run as root"),
        ({"runAsNonRoot": True}, {"runAsUser": 0}, ImageUser(uid=5), "container's runAsUser breaks non-root policy"),
        (
            {},
            {"runAsNonRoot": True},
            ImageUser(username="nginx"),
            "container has runAsNonRoot and image has non-numeric user (nginx), cannot verify user is non-root",
        ),
        (
            {},
            {"runAsNonRoot": True},
            ImageUser(uid=2**31),
            "container has runAsNonRoot and image has an invalid user id",
        ),
        ({"runAsNonRoot": True, "runAsUser": 0}, {"runAsUser": 3}, ImageUser(uid=0), ""),
        ({"runAsNonRoot": True}, {"runAsNonRoot": False}, ImageUser(uid=0), ""),
        ({"runAsNonRoot": True}, {}, ImageUser(uid=1000), ""),
        ({}, {}, ImageUser(uid=0), ""),
    ],
)
def test_run_as_non_root(
    pod_security: dict[str, Any], security: dict[str, Any], image: ImageUser, message: str
) -> None:
    pod = make_pod([{"name": "c", "securityContext": security}], securityContext=pod_security)
    if not message:
        verify_non_root(pod, pod.spec.containers[0], image)
        return
    with pytest.raises(ContainerConfigError) as caught:
        verify_non_root(pod, pod.spec.containers[0], image)
    assert caught.value.message.startswith(message)
    assert caught.value.message.endswith('(pod: "web_shop(u-1)", container: c)')


def test_container_security() -> None:
    pod = make_pod(
        [
            {
                "name": "c",
                "securityContext": {
                    "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "runAsGroup": 3,
                    "appArmorProfile": {"type": "Localhost", "localhostProfile": "p"},
                    "seccompProfile": {"type": "Localhost", "localhostProfile": "a/b.json"},
                },
            }
        ],
        securityContext={
            "runAsUser": 7,
            "runAsGroup": 8,
            "fsGroup": 9,
            "supplementalGroups": [1, 2],
            "seLinuxOptions": {"level": "s0:c1"},
            "seccompProfile": {"type": "Unconfined"},
        },
    )
    security = container_security(pod, pod.spec.containers[0], ImageUser(uid=0), node())
    assert (security.run_as_user.value, security.run_as_group.value) == (7, 3)
    assert (list(security.capabilities.add_capabilities), list(security.capabilities.drop_capabilities)) == (
        ["NET_ADMIN"],
        ["ALL"],
    )
    assert security.no_new_privs and security.readonly_rootfs and not security.privileged
    assert list(security.supplemental_groups) == [9, 1, 2]
    assert security.seccomp.localhost_ref == "/r/seccomp/a/b.json"
    assert (security.apparmor.localhost_ref, security.apparmor_profile) == ("p", "localhost/p")
    assert security.selinux_options.level == "s0:c1"
    assert "/proc/kcore" in security.masked_paths and "/proc/sys" in security.readonly_paths
    assert security.namespace_options.pid == cri.CONTAINER


@pytest.mark.parametrize(
    ("image", "user", "name"),
    [(ImageUser(uid=12), 12, ""), (ImageUser(username="nginx"), 0, "nginx"), (ImageUser(), 0, "")],
)
def test_the_images_user_is_passed_on(image: ImageUser, user: int, name: str) -> None:
    pod = make_pod()
    security = container_security(pod, pod.spec.containers[0], image, node())
    assert (security.run_as_user.value, security.run_as_username, security.HasField("run_as_user")) == (
        user,
        name,
        not name,
    )


@pytest.mark.parametrize(
    ("spec", "default", "expected"),
    [
        ({}, False, cri.SecurityProfile.Unconfined),
        ({}, True, cri.SecurityProfile.RuntimeDefault),
        ({"seccompProfile": {"type": "RuntimeDefault"}}, False, cri.SecurityProfile.RuntimeDefault),
        ({"seccompProfile": {"type": "Unconfined"}}, True, cri.SecurityProfile.Unconfined),
    ],
)
def test_seccomp(spec: dict[str, Any], default: bool, expected: int) -> None:
    pod = make_pod(securityContext=spec)
    assert (
        container_security(pod, pod.spec.containers[0], ImageUser(), node(seccomp_default=default)).seccomp.profile_type
        == expected
    )


def test_other_security_choices() -> None:
    pod = make_pod(
        [{"name": "c", "securityContext": {"procMount": "Unmasked", "privileged": True}}],
        annotations={"container.apparmor.security.beta.kubernetes.io/c": "runtime/default"},
        shareProcessNamespace=True,
        initContainers=[{"name": "i"}],
    )
    security = container_security(pod, pod.spec.containers[0], ImageUser(), node(), target_id="abc")
    assert not security.masked_paths and not security.readonly_paths and security.privileged
    assert security.apparmor_profile == "runtime/default"
    assert security.namespace_options.pid == cri.POD  # shared: there is nothing to target
    assert sandbox_security(pod).privileged
    alone = make_pod()
    targeted = container_security(alone, alone.spec.containers[0], ImageUser(), node(), target_id="abc")
    assert (targeted.namespace_options.pid, targeted.namespace_options.target_id) == (cri.TARGET, "abc")
    with pytest.raises(ContainerConfigError, match="localhostProfile must be set"):
        bad = make_pod(securityContext={"seccompProfile": {"type": "Localhost"}})
        container_security(bad, bad.spec.containers[0], ImageUser(), node())


@pytest.mark.parametrize(
    ("resources", "shares", "quota", "memory"),
    [
        ({}, 2, 0, 0),
        ({"requests": {"cpu": "1m"}}, 2, 0, 0),
        ({"requests": {"cpu": "250m"}}, 256, 0, 0),
        ({"limits": {"cpu": "2"}}, 2048, 200_000, 0),
        ({"limits": {"cpu": "1m"}}, 2, 1000, 0),
        ({"requests": {"cpu": "0"}, "limits": {"cpu": "500m", "memory": "1Gi"}}, 2, 50_000, GI),
        ({"requests": {"cpu": "1000"}}, 262_144, 0, 0),
    ],
)
def test_cpu_and_memory(resources: dict[str, Any], shares: int, quota: int, memory: int) -> None:
    pod = make_pod([{"name": "c", "resources": resources}])
    linux = container_resources(pod, pod.spec.containers[0], node())
    assert (linux.cpu_shares, linux.cpu_quota, linux.cpu_period, linux.memory_limit_in_bytes) == (
        shares,
        quota,
        100_000,
        memory,
    )
    assert container_resources(pod, pod.spec.containers[0], node(cpu_cfs_quota=False)).cpu_period == 0


def test_pod_level_limits_huge_pages_and_unified() -> None:
    pod = make_pod(
        [{"name": "c", "resources": {"limits": {"hugepages-2Mi": "4Mi"}}}],
        resources={"limits": {"cpu": "3", "memory": "1Gi"}},
    )
    linux = container_resources(
        pod,
        pod.spec.containers[0],
        node(hugepage_sizes=("2MB", "1GB"), cgroup_v2=True, single_process_oom_kill=False, swap_controller=True),
    )
    assert (linux.cpu_quota, linux.memory_limit_in_bytes) == (300_000, GI)
    assert [(page.page_size, page.limit) for page in linux.hugepage_limits] == [("2MB", 4 * 2**20), ("1GB", 0)]
    assert dict(linux.unified) == {"memory.oom.group": "1", "memory.swap.max": "0"}


SWAPS = {"cgroup_v2": True, "swap_controller": True, "limited_swap": True, "swap_capacity": 10 * GI}


@pytest.mark.parametrize(
    ("resources", "spec", "facts", "swap"),
    [
        ({"requests": {"memory": "5Gi"}}, {}, {}, GI // 2),
        ({"requests": {"memory": "5Gi"}, "limits": {"memory": "6Gi"}}, {}, {}, GI // 2),
        ({"requests": {"memory": "5Gi"}}, {}, {"limited_swap": False}, 0),
        ({"requests": {"memory": "5Gi"}}, {}, {"swap_capacity": 0}, 0),
        ({"requests": {"memory": "101Gi"}}, {}, {}, 0),
        ({"requests": {"memory": "5Gi"}}, {"priority": 2_000_000_000}, {}, 0),
        ({"requests": {"cpu": "1", "memory": "5Gi"}, "limits": {"memory": "5Gi"}}, {}, {}, 0),
        ({"requests": {"cpu": "1"}}, {}, {}, 0),
        ({}, {}, {}, 0),
        ({"requests": {"cpu": "1", "memory": "5Gi"}, "limits": {"cpu": "1", "memory": "5Gi"}}, {}, {}, 0),
    ],
)  # fmt: skip
def test_limited_swap(resources: dict[str, Any], spec: dict[str, Any], facts: dict[str, Any], swap: int) -> None:
    pod = make_pod([{"name": "c", "resources": resources}], **spec)
    linux = container_resources(pod, pod.spec.containers[0], node(**SWAPS | facts))
    assert linux.unified["memory.swap.max"] == str(swap)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, 1000),
        (
            {
                "containers": [
                    {
                        "name": "c",
                        "resources": {
                            "limits": {"cpu": "1", "memory": "1Gi"},
                            "requests": {"cpu": "1", "memory": "1Gi"},
                        },
                    }
                ]
            },
            -997,
        ),
        ({"containers": [{"name": "c", "resources": {"requests": {"memory": "10Gi"}}}]}, 900),
        ({"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]}, 999),
        ({"containers": [{"name": "c", "resources": {"requests": {"memory": "99900Mi"}}}]}, 25),
        ({"containers": [{"name": "c", "resources": {"requests": {"memory": "100Gi"}}}]}, 3),
        ({"priorityClassName": "system-node-critical", "priority": 2_000_001_000}, -997),
        (
            {
                "containers": [{"name": "c", "resources": {"requests": {"memory": "10Gi"}}}, {"name": "d"}],
                "resources": {"requests": {"memory": "30Gi"}},
            },
            800,
        ),
    ],
)
def test_oom_score(spec: dict[str, Any], expected: int) -> None:
    pod = make_pod(**spec)
    assert oom_score_adj(pod, pod.spec.containers[0], 100 * GI) == expected


def test_a_sidecar_outlives_the_containers_it_serves() -> None:
    pod = make_pod(
        [{"name": "c", "resources": {"requests": {"memory": "40Gi"}}}],
        initContainers=[{"name": "s", "restartPolicy": "Always", "resources": {"requests": {"memory": "1Gi"}}}],
    )
    assert oom_score_adj(pod, pod.spec.init_containers[0], 100 * GI) == 600


async def config_of(
    tmp_path: Path,
    container: dict[str, Any],
    *,
    volumes: dict[str, MountedVolume] | None = None,
    syscalls: RecordingSyscalls | None = None,
    handler: str = "",
    stop_signals: bool = True,
    image_volumes: dict[str, cri.ImageSpec] | None = None,
    **spec: Any,
) -> cri.ContainerConfig:
    pod = make_pod([{"name": "c", "image": "web:1", **container}], **spec)
    context = node(tmp_path, recursive_read_only_handlers=frozenset({"rro"}), stop_signals=stop_signals)
    return await container_config(
        pod,
        pod.spec.containers[0],
        ContainerInputs(
            restart_count=1, image_ref="sha256:1", pod_ips=["10.2.0.9"], volumes=volumes or {}, runtime_handler=handler,
            image_volumes=image_volumes or {},
        ),
        context,
        syscalls=syscalls or RecordingSyscalls(),
        new_message_id=lambda: "0badcafe",
    )


async def test_a_stop_signal_needs_its_gate(tmp_path: Path) -> None:
    config = await config_of(tmp_path, {"lifecycle": {"stopSignal": "SIGUSR1"}}, stop_signals=False)
    assert config.stop_signal == cri.RUNTIME_DEFAULT


async def test_container_config(tmp_path: Path) -> None:
    config = await config_of(
        tmp_path,
        {
            "command": ["run", "$(A)"],
            "args": ["--$(B)", "$$(A)"],
            "env": [{"name": "A", "value": "1"}],
            "workingDir": "/w",
            "tty": True,
            "stdin": True,
            "terminationMessagePath": "/dev/termination-log",
            "lifecycle": {"stopSignal": "SIGUSR1"},
        },
    )
    assert (config.metadata.name, config.metadata.attempt) == ("c", 1)
    assert (config.image.image, config.image.user_specified_image) == ("sha256:1", "web:1")
    assert (list(config.command), list(config.args)) == (["run", "1"], ["--$(B)", "$(A)"])
    assert [(env.key, env.value) for env in config.envs] == [("A", b"1")]
    assert (config.log_path, config.working_dir, config.tty, config.stdin, config.stdin_once) == (
        "c/1.log",
        "/w",
        True,
        True,
        False,
    )
    assert config.stop_signal == cri.SIGUSR1
    hosts, message = config.mounts
    assert (hosts.container_path, hosts.host_path) == ("/etc/hosts", str(tmp_path / "pods/u-1/etc-hosts"))
    assert "10.2.0.9\tweb\n" in Path(hosts.host_path).read_text()
    assert stat.S_IMODE(Path(hosts.host_path).stat().st_mode) == 0o644
    assert (message.container_path, message.host_path) == (
        "/dev/termination-log",
        str(tmp_path / "pods/u-1/containers/c/0badcafe"),
    )
    assert stat.S_IMODE(Path(message.host_path).stat().st_mode) == 0o666
    assert (tmp_path / "logs/shop_web_u-1/c").is_dir()


async def test_the_hosts_file_is_rewritten_in_place(tmp_path: Path) -> None:
    first = await config_of(tmp_path, {})
    inode = Path(first.mounts[0].host_path).stat().st_ino
    second = await config_of(tmp_path, {}, hostAliases=[{"ip": "1.1.1.1", "hostnames": ["x"]}])
    assert Path(second.mounts[0].host_path).stat().st_ino == inode
    assert "1.1.1.1\tx\n" in Path(second.mounts[0].host_path).read_text()


async def test_mounts(tmp_path: Path) -> None:
    data, config = tmp_path / "data", tmp_path / "config"
    data.mkdir(mode=0o777)
    data.chmod(0o3777)
    (config / "..v1").mkdir(parents=True)
    (config / "..v1" / "key").write_text("x")
    (config / "..data").symlink_to("..v1")
    (config / "key").symlink_to("..data/key")
    volumes = {
        "data": MountedVolume("data", "kubernetes.io/empty-dir", data, managed=True),
        "config": MountedVolume("config", "kubernetes.io/configmap", config, read_only=True),
    }
    syscalls = RecordingSyscalls()
    request = {
        "env": [{"name": "POD", "value": "web"}],
        "volumeMounts": [
            {"name": "data", "mountPath": "/data", "mountPropagation": "HostToContainer"},
            {
                "name": "data",
                "mountPath": "logs",
                "subPathExpr": "a/$(POD)",
                "readOnly": True,
                "recursiveReadOnly": "Enabled",
            },
            {"name": "config", "mountPath": "/etc/hosts", "subPath": "key"},
        ],
    }
    result = await config_of(tmp_path, request, volumes=volumes, syscalls=syscalls, handler="rro")
    plain, expression, own_hosts = result.mounts
    assert (plain.container_path, plain.host_path, plain.readonly, plain.propagation) == (
        "/data",
        str(data),
        False,
        cri.PROPAGATION_HOST_TO_CONTAINER,
    )
    bound = tmp_path / "pods/u-1/volume-subpaths/data/c/1"
    assert (expression.container_path, expression.host_path) == ("/logs", str(bound))
    assert expression.readonly and expression.recursive_read_only
    assert stat.S_IMODE((data / "a/web").stat().st_mode) == 0o3777 and bound.is_dir()
    assert own_hosts.readonly and own_hosts.container_path == "/etc/hosts"  # and no managed hosts file beside it
    assert Path(own_hosts.host_path).is_file()
    assert [call[2] for call in syscalls.calls] == [str(bound), str(tmp_path / "pods/u-1/volume-subpaths/config/c/2")]


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ({"name": "none"}, 'cannot find volume "none" to mount into container "c"'),
        ({"name": "data", "subPath": "/abs"}, "error SubPath `/abs` must not be an absolute path"),
        ({"name": "data", "subPath": "a/../../b"}, "unable to provision SubPath `a/../../b`: must not contain '..'"),
        ({"name": "data", "subPathExpr": "$(NOPE)"}, "missing value for NOPE"),
        ({"name": "data", "subPath": "out"}, 'failed to prepare subPath for volumeMount "data" of container "c"'),
        ({"name": "data", "subPath": "up/etc"}, 'failed to prepare subPath for volumeMount "data" of container "c"'),
        (
            {"name": "data", "recursiveReadOnly": "Enabled"},
            'failed to resolve recursive read-only mode: volume "data" requested recursive read-only mode, '
            "but it is not read-only",
        ),
        (
            {"name": "data", "recursiveReadOnly": "Enabled", "readOnly": True},
            'failed to resolve recursive read-only mode: volume "data" requested recursive read-only mode, '
            "but it is not supported by the runtime",
        ),
        ({"name": "data", "mountPropagation": "Sideways"}, 'invalid MountPropagation mode: "Sideways"'),
    ],
)
async def test_bad_mounts(tmp_path: Path, mount: dict[str, Any], message: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "out").symlink_to("/etc")
    (data / "up").symlink_to("../..")
    with pytest.raises(ContainerConfigError) as caught:
        await config_of(
            tmp_path,
            {"volumeMounts": [{"mountPath": "/x", **mount}]},
            volumes={"data": MountedVolume("data", "kubernetes.io/empty-dir", data)},
        )
    assert caught.value.message == message


async def test_an_image_is_mounted_by_the_runtime(tmp_path: Path) -> None:
    mounts = [{"name": "tools", "mountPath": "/t"}, {"name": "tools", "mountPath": "/s", "subPath": "bin/deep"}]
    image = cri.ImageSpec(image="sha256:0", user_specified_image="tools:1")
    result = await config_of(
        tmp_path, {"volumeMounts": mounts},
        volumes={"tools": MountedVolume("tools", "kubernetes.io/image", Path(), read_only=True)},
        image_volumes={"tools": image},
    )  # fmt: skip
    assert list(result.mounts[:2]) == [
        cri.Mount(container_path="/t", image=image, readonly=True),
        cri.Mount(container_path="/s", image=image, readonly=True, image_sub_path="bin/deep"),
    ]


async def test_an_absolute_link_inside_the_volume_is_followed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "real").mkdir(parents=True)
    (data / "link").symlink_to(data / "real")
    result = await config_of(
        tmp_path,
        {"volumeMounts": [{"name": "data", "mountPath": "/x", "subPath": "link"}]},
        volumes={"data": MountedVolume("data", "kubernetes.io/empty-dir", data)},
    )
    assert Path(result.mounts[0].host_path).is_dir()


async def test_pods_on_the_hosts_network_have_its_addresses(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("127.0.0.1 node\n")
    pod = make_pod(
        [{"name": "c", "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]}],
        hostNetwork=True,
    )
    context = node(tmp_path, node_ips=("10.0.0.1",), host_hosts_file=tmp_path / "hosts")
    config = await container_config(
        pod,
        pod.spec.containers[0],
        ContainerInputs(restart_count=0, image_ref="i"),
        context,
        syscalls=RecordingSyscalls(),
    )
    assert config.envs[0].value == b"10.0.0.1"
    assert Path(config.mounts[0].host_path).read_text() == (
        "# Kubernetes-managed hosts file (host network).\n127.0.0.1 node\n"
    )


async def test_devices_of_plugins_go_into_the_request(tmp_path: Path) -> None:
    pod = make_pod([{"name": "c", "image": "i", "env": [{"name": "B", "value": "own"}], "command": ["$(A)"]}])
    devices = DeviceOptions(
        {"A": "1", "B": "plugin"}, (DeviceMount("/opt/x", "/host/x", True),), (DeviceNode("/dev/x", "/dev/y", "rw"),),
        {"note": "plugin", "io.kubernetes.container.restartCount": "9"}, ("vendor.com/class=x",),
    )
    config = await container_config(
        pod, pod.spec.containers[0], ContainerInputs(restart_count=0, image_ref="i", devices=devices), node(tmp_path),
        syscalls=RecordingSyscalls(),
    )
    envs = {env.key: env.value for env in config.envs}
    assert (envs["A"], envs["B"], list(config.command)) == (b"1", b"own", ["1"])
    assert (config.mounts[0].container_path, config.mounts[0].host_path, config.mounts[0].readonly) == (
        "/opt/x", "/host/x", True)
    assert list(config.devices) == [cri.Device(container_path="/dev/x", host_path="/dev/y", permissions="rw")]
    assert [device.name for device in config.CDI_devices] == ["vendor.com/class=x"]
    assert (config.annotations["note"], config.annotations["io.kubernetes.container.restartCount"]) == ("plugin", "0")
