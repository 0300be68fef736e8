"""CRI to the engine and back: tables of what goes in and what comes out."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri import errors
from cri.v1 import api_pb2 as cri
from dockershim import cgroup_files, container_config, mounts, naming, records, resources, sandbox_config, security
from dockershim.facts import EngineFacts, facts_from
from dockershim.logs import LogSetup
from dockershim.network import PortMapping, ports_from_text, ports_to_text
from dockershim.records import ImageFacts, ProcessUser, SandboxRecord
from dockershim.sandbox_run import network_of

FACTS = EngineFacts()
NEW = EngineFacts(
    api=(1, 48), kernel=(6, 1), cgroup_driver="systemd", runtimes=("crun", "runc"),
    security_options=frozenset(("apparmor", "seccomp", "selinux", "userns")),
)
Context = cri.LinuxContainerSecurityContext
Profile = cri.SecurityProfile
POD = cri.PodSandboxMetadata(name="pod", namespace="ns", uid="uid-1", attempt=2)
SANDBOX = SandboxRecord(
    id="s" * 64, metadata=POD, pid=7, created_ns=1, labels={}, annotations={}, runtime_handler="",
    namespaces=cri.NamespaceOption(), config_hash="h", resolv_conf_path="", cgroup_parent="/kubepods/x",
)


def read_profile(path: str) -> bytes:
    if path == "/profiles/ok.json":
        return b'{"defaultAction": "SCMP_ACT_ALLOW"}'
    if path == "/profiles/broken.json":
        return b"{"
    raise FileNotFoundError(2, "No such file or directory")


# names and labels


def test_names_are_those_of_cri_dockerd() -> None:
    assert naming.sandbox_name(POD) == "k8s_POD_pod_ns_uid-1_2"
    assert naming.container_name(POD, cri.ContainerMetadata(name="c", attempt=3)) == "k8s_c_pod_ns_uid-1_3"
    assert naming.parse_name("/k8s_c_pod_ns_uid-1_3") == naming.EngineName("c", "pod", "ns", "uid-1", 3)
    assert naming.parse_name("k8s_c_pod_ns_uid-1_3_a1b2c3d4") == naming.EngineName("c", "pod", "ns", "uid-1", 3)
    for other in ("/db", "/k8s_c_pod_ns_uid", "/k8s_c_pod_ns_uid_x", "/x_c_pod_ns_uid_1"):
        assert naming.parse_name(other) is None


def test_labels_come_back_as_they_went() -> None:
    pod = cri.PodSandboxConfig(metadata=POD, labels={"a": "b"}, annotations={"c": "d"})
    labels = naming.sandbox_labels(pod, "hash", "crun")
    assert labels["io.kubernetes.docker.type"] == "podsandbox"
    assert labels["io.kubernetes.container.name"] == "POD"
    assert labels["annotation.c"] == "d"
    assert naming.split_labels(labels) == ({"a": "b"}, {"c": "d"})
    config = cri.ContainerConfig(labels={"io.kubernetes.container.name": "c"}, annotations={"x": "y"})
    labels = naming.container_labels(config, "sid", "/log", "hash")
    assert labels["io.kubernetes.sandbox.id"] == "sid" and labels["io.kubernetes.container.logpath"] == "/log"
    assert naming.split_labels(labels) == ({"io.kubernetes.container.name": "c"}, {"x": "y"})


def test_the_hash_tells_requests_apart() -> None:
    one, same = (cri.PodSandboxConfig(metadata=POD, labels={"a": "1", "b": "2"}) for _ in range(2))
    other = cri.PodSandboxConfig(metadata=POD, labels={"a": "1"})
    assert naming.config_hash(one) == naming.config_hash(same)
    assert len({naming.config_hash(one), naming.config_hash(other), naming.config_hash(one, "kata")}) == 3


# security


@pytest.mark.parametrize(
    ("context", "user"),
    [
        (Context(), ""),
        (Context(run_as_user=cri.Int64Value(value=0)), "0"),
        (Context(run_as_user=cri.Int64Value(value=5), run_as_group=cri.Int64Value(value=6)), "5:6"),
        (Context(run_as_username="www"), "www"),
        (Context(run_as_username="www", run_as_group=cri.Int64Value(value=6)), "www:6"),
        (cri.LinuxSandboxSecurityContext(run_as_user=cri.Int64Value(value=9)), "9"),
    ],
)
def test_users(context: Context, user: str) -> None:
    assert security.user(context) == user


@pytest.mark.parametrize(
    ("context", "facts", "expected"),
    [
        (Context(), FACTS, {"SecurityOpt": ["seccomp=unconfined"], "MaskedPaths": [], "ReadonlyPaths": []}),
        (Context(seccomp=Profile(profile_type=Profile.RuntimeDefault)), FACTS, {"SecurityOpt": []}),
        (Context(seccomp_profile_path="runtime/default"), FACTS, {"SecurityOpt": []}),
        (Context(seccomp=Profile(profile_type=Profile.Unconfined)), FACTS, {"SecurityOpt": ["seccomp=unconfined"]}),
        (Context(seccomp=Profile(profile_type=Profile.Localhost, localhost_ref="/profiles/ok.json")), FACTS,
         {"SecurityOpt": ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']}),
        (Context(seccomp_profile_path="localhost//profiles/ok.json"), FACTS,
         {"SecurityOpt": ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']}),
        (Context(privileged=True, seccomp=Profile(profile_type=Profile.RuntimeDefault)), FACTS,
         {"Privileged": True, "SecurityOpt": ["seccomp=unconfined"]}),
        (Context(apparmor=Profile(profile_type=Profile.Localhost, localhost_ref="localhost/p")), NEW,
         {"SecurityOpt": ["apparmor=p", "seccomp=unconfined"]}),
        (Context(apparmor=Profile(profile_type=Profile.Unconfined)), NEW,
         {"SecurityOpt": ["apparmor=unconfined", "seccomp=unconfined"]}),
        (Context(apparmor=Profile(profile_type=Profile.Unconfined)), FACTS, {"SecurityOpt": ["seccomp=unconfined"]}),
        (Context(apparmor_profile="runtime/default"), NEW, {"SecurityOpt": ["seccomp=unconfined"]}),
        (Context(apparmor_profile="localhost/q"), NEW, {"SecurityOpt": ["apparmor=q", "seccomp=unconfined"]}),
        (Context(selinux_options=cri.SELinuxOption(user="u", level="s0:c1")), NEW,
         {"SecurityOpt": ["label=user:u", "label=level:s0:c1", "seccomp=unconfined"]}),
        (Context(no_new_privs=True), FACTS, {"SecurityOpt": ["seccomp=unconfined", "no-new-privileges"]}),
        (Context(readonly_rootfs=True, supplemental_groups=[1, 2]), FACTS,
         {"ReadonlyRootfs": True, "GroupAdd": ["1", "2"]}),
        (Context(capabilities=cri.Capability(add_capabilities=["NET_ADMIN"], drop_capabilities=["ALL"])), FACTS,
         {"CapAdd": ["NET_ADMIN"], "CapDrop": ["ALL"]}),
        (Context(masked_paths=["/m"], readonly_paths=["/r"]), FACTS, {"MaskedPaths": ["/m"], "ReadonlyPaths": ["/r"]}),
    ],
)
def test_security_contexts(context: Context, facts: EngineFacts, expected: dict[str, Any]) -> None:
    config = security.host_config(context, facts, read_profile)
    assert {key: config.get(key) for key in expected} == expected
    if context.privileged:
        assert "MaskedPaths" not in config and "ReadonlyPaths" not in config


def test_strict_groups_are_possible_with_a_group() -> None:
    strict = Context(
        run_as_user=cri.Int64Value(value=5), run_as_group=cri.Int64Value(value=6), supplemental_groups=[7],
        supplemental_groups_policy=cri.Strict,
    )
    assert security.host_config(strict, FACTS, read_profile)["GroupAdd"] == ["7"]
    assert security.user(strict) == "5:6"


@pytest.mark.parametrize(
    ("context", "asks"),
    [
        (Context(supplemental_groups_policy=cri.Strict), True),
        (Context(supplemental_groups_policy=cri.Strict, run_as_group=cri.Int64Value(value=0)), False),
        (Context(supplemental_groups_policy=cri.Merge), False),
        (Context(), False),
    ],
)
def test_only_strict_groups_without_a_group_ask_the_image(context: Context, asks: bool) -> None:
    assert security.leaves_out_the_images_groups(context) is asks


@pytest.mark.parametrize(
    ("context", "kind", "text"),
    [
        (Context(capabilities=cri.Capability(add_ambient_capabilities=["X"])), errors.UnimplementedError, "ambient"),
        (Context(namespace_options=cri.NamespaceOption(userns_options=cri.UserNamespace(mode=cri.POD))),
         errors.UnimplementedError, "hostUsers"),
        (Context(apparmor=Profile(profile_type=Profile.Localhost, localhost_ref="p")), errors.InvalidArgumentError,
         "not enabled"),
        (Context(seccomp=Profile(profile_type=Profile.Localhost, localhost_ref="rel.json")),
         errors.InvalidArgumentError, "must be absolute"),
        (Context(seccomp=Profile(profile_type=Profile.Localhost, localhost_ref="/profiles/broken.json")),
         errors.InvalidArgumentError, "not JSON"),
        (Context(seccomp=Profile(profile_type=Profile.Localhost, localhost_ref="/profiles/no.json")),
         errors.InvalidArgumentError, "cannot load seccomp profile '/profiles/no.json': No such file"),
    ],
)
def test_what_the_engine_cannot_do_is_refused(context: Context, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        security.host_config(context, FACTS, read_profile)


# mounts


@pytest.mark.parametrize(
    ("mount", "facts", "expected"),
    [
        (cri.Mount(host_path="/h", container_path="/c"), FACTS,
         {"Type": "bind", "Source": "/h", "Target": "/c", "ReadOnly": False}),
        (cri.Mount(host_path="/h", container_path="/c", readonly=True), FACTS,
         {"Type": "bind", "Source": "/h", "Target": "/c", "ReadOnly": True}),
        (cri.Mount(host_path="/h", container_path="/c", readonly=True), NEW,
         {"Type": "bind", "Source": "/h", "Target": "/c", "ReadOnly": True,
          "BindOptions": {"ReadOnlyNonRecursive": True}}),
        (cri.Mount(host_path="/h", container_path="/c", readonly=True, recursive_read_only=True), NEW,
         {"Type": "bind", "Source": "/h", "Target": "/c", "ReadOnly": True,
          "BindOptions": {"ReadOnlyForceRecursive": True, "Propagation": "rprivate"}}),
        (cri.Mount(host_path="/h", container_path="/c", propagation=cri.PROPAGATION_BIDIRECTIONAL), FACTS,
         {"Type": "bind", "Source": "/h", "Target": "/c", "ReadOnly": False,
          "BindOptions": {"Propagation": "rshared"}}),
        (cri.Mount(host_path="/h", container_path="/c", propagation=cri.PROPAGATION_HOST_TO_CONTAINER), FACTS,
         {"Type": "bind", "Source": "/h", "Target": "/c", "ReadOnly": False, "BindOptions": {"Propagation": "rslave"}}),
        (cri.Mount(container_path="/c", readonly=True, image=cri.ImageSpec(image="i:1"), image_sub_path="p"), NEW,
         {"Type": "image", "Source": "i:1", "Target": "/c", "ReadOnly": True, "ImageOptions": {"Subpath": "p"}}),
    ],
)
def test_mounts(mount: cri.Mount, facts: EngineFacts, expected: dict[str, Any]) -> None:
    assert mounts.host_config([mount], facts) == {"Mounts": [expected], "Binds": []}


def test_a_mount_to_relabel_is_a_bind_where_selinux_is() -> None:
    mount = cri.Mount(host_path="/h", container_path="/c", selinux_relabel=True, readonly=True)
    assert mounts.host_config([mount], NEW) == {"Mounts": [], "Binds": ["/h:/c:z,ro"]}
    assert mounts.host_config([mount], FACTS)["Binds"] == []


@pytest.mark.parametrize(
    ("mount", "facts", "text"),
    [
        (cri.Mount(host_path="h", container_path="/c"), FACTS, "not absolute"),
        (cri.Mount(host_path="/h"), FACTS, "no container path"),
        (cri.Mount(host_path="/h", container_path="/c", readonly=True, recursive_read_only=True), FACTS,
         "^RROUnsupported: "),
        (cri.Mount(host_path="/h", container_path="/c", recursive_read_only=True), NEW, "without readOnly"),
        (cri.Mount(host_path="/h", container_path="/c", readonly=True, recursive_read_only=True,
                   propagation=cri.PROPAGATION_BIDIRECTIONAL), NEW, "private propagation"),
        (cri.Mount(host_path="/h", container_path="/c", uidMappings=[cri.IDMapping(length=1)]), NEW, "id-mapped"),
        (cri.Mount(container_path="/c", readonly=True, image=cri.ImageSpec(image="i")), FACTS,
         "^ImageVolumeMountFailed: "),
        (cri.Mount(container_path="/c", image=cri.ImageSpec(image="i")), NEW, "without readOnly"),
    ],
)
def test_mounts_that_cannot_be(mount: cri.Mount, facts: EngineFacts, text: str) -> None:
    with pytest.raises(errors.CriError, match=text):
        mounts.host_config([mount], facts)


# resources


def test_resources() -> None:
    wanted = cri.LinuxContainerResources(
        cpu_shares=2, cpu_quota=1000, cpu_period=10_000, memory_limit_in_bytes=100, cpuset_cpus="0-1", oom_score_adj=5
    )
    assert resources.create_resources(wanted, FACTS) == {
        "CpuShares": 2, "CpuQuota": 1000, "CpuPeriod": 10_000, "Memory": 100, "MemorySwap": 100, "CpusetCpus": "0-1",
        "OomScoreAdj": 5,
    }
    wanted.memory_swap_limit_in_bytes = 150
    assert resources.update_resources(wanted)["MemorySwap"] == 150


@pytest.mark.parametrize(
    ("memory", "swap", "expected"), [(100, "0", 100), (100, "50", 150), (100, "max", 100), (0, "50", None)]
)
def test_swap_alone_becomes_memory_and_swap(memory: int, swap: str, expected: int | None) -> None:
    wanted = cri.LinuxContainerResources(memory_limit_in_bytes=memory, unified={"memory.swap.max": swap})
    assert resources.update_resources(wanted).get("MemorySwap") == expected
    assert resources.update_resources(cri.LinuxContainerResources()) == {}


@pytest.mark.parametrize(("floor", "wanted", "used"), [(None, -998, -998), (0, -998, 0), (0, 500, 500), (-5, -5, -5)])
def test_oom_score_adj_is_clamped_where_the_kernel_would_refuse(floor: int | None, wanted: int, used: int) -> None:
    assert resources.oom_score_adj(wanted, EngineFacts(oom_score_adj_floor=floor)) == used


def test_cgroup_parents() -> None:
    path = "/kubepods.slice/kubepods-pod1.slice"
    assert resources.cgroup_parent(path, FACTS) == path
    assert resources.cgroup_parent(path, NEW) == "kubepods-pod1.slice"


def test_limits_that_the_engine_does_not_know() -> None:
    wanted = cri.LinuxContainerResources(
        hugepage_limits=[cri.HugepageLimit(page_size="2MB", limit=0)], unified={"memory.high": "5"}
    )
    limits = {"hugetlb.2MB": "0", "memory.high": "5"}
    assert cgroup_files.extra_limits(wanted) == limits
    assert cgroup_files.parse(cgroup_files.label(wanted)[naming.CGROUP_FILES_LABEL]) == limits
    assert cgroup_files.label(cri.LinuxContainerResources()) == {}
    with pytest.raises(errors.InvalidArgumentError, match=r"\.\./x"):
        cgroup_files.extra_limits(cri.LinuxContainerResources(unified={"../x": "1"}))


# whole bodies


def test_a_sandbox() -> None:
    config = cri.PodSandboxConfig(metadata=POD, hostname="pod", linux=cri.LinuxPodSandboxConfig(sysctls={"net.x": "1"}))
    body = sandbox_config.create_body(config, "", "pause", FACTS)
    host = body["HostConfig"]
    assert body["NetworkDisabled"] and body["Hostname"] == "pod"
    assert (host["NetworkMode"], host["IpcMode"], host["PidMode"]) == ("none", "shareable", "")
    assert host["Sysctls"] == {"net.x": "1"} and host["OomScoreAdj"] == -998
    assert host["SecurityOpt"] == ["no-new-privileges"]
    options = config.linux.security_context.namespace_options
    options.network = options.pid = options.ipc = cri.NODE
    on_host = sandbox_config.create_body(config, "crun", "pause", NEW)
    host = on_host["HostConfig"]
    assert not on_host["NetworkDisabled"]
    assert (host["NetworkMode"], host["IpcMode"], host["PidMode"]) == ("host", "host", "host")
    assert host["Runtime"] == "crun" and host["UsernsMode"] == "host"
    json.dumps(body)


@pytest.mark.parametrize("field", ["name", "namespace", "uid"])
def test_a_sandbox_needs_its_metadata(field: str) -> None:
    config = cri.PodSandboxConfig(metadata=POD)
    config.metadata.ClearField(field)
    with pytest.raises(errors.InvalidArgumentError, match=f"metadata.{field} is empty"):
        sandbox_config.create_body(config, "", "pause", FACTS)


def test_resolv_conf_and_network() -> None:
    dns = cri.DNSConfig(servers=["1.1.1.1", "::1"], searches=["a", "b"], options=["ndots:5"])
    assert sandbox_config.resolv_conf(dns) == "nameserver 1.1.1.1\nnameserver ::1\nsearch a b\noptions ndots:5\n"
    assert sandbox_config.resolv_conf(cri.DNSConfig()) == ""
    ports = [
        cri.PortMapping(protocol=cri.UDP, container_port=53, host_port=5353, host_ip="1.2.3.4"),
        cri.PortMapping(container_port=80),
    ]
    pod = sandbox_config.pod_network("id", "/ns", cri.PodSandboxConfig(metadata=POD, port_mappings=ports))
    assert pod.port_mappings == (PortMapping("udp", 53, 5353, "1.2.3.4"),)


def test_host_ports_are_known_from_the_engine_alone() -> None:
    """As they have to be for a DEL after the network's own record is lost."""
    ports = [
        cri.PortMapping(protocol=cri.UDP, container_port=53, host_port=5353, host_ip="fd00::1"),
        cri.PortMapping(protocol=cri.TCP, container_port=80, host_port=8080),
        cri.PortMapping(protocol=cri.TCP, container_port=81),
    ]
    config = cri.PodSandboxConfig(metadata=POD, port_mappings=ports)
    labels = sandbox_config.create_body(config, "", "pause", FACTS)["Labels"]
    inspect = {"Id": "1", "Name": naming.sandbox_name(POD), "HostConfig": {}, "State": {}, "Config": {"Labels": labels}}
    record = records.to_sandbox(inspect)
    assert record is not None and record.labels == {}
    assert network_of(record).port_mappings == sandbox_config.pod_network("1", "", config).port_mappings != ()
    config = cri.PodSandboxConfig(metadata=POD)
    assert naming.PORT_MAPPINGS_LABEL not in sandbox_config.create_body(config, "", "pause", FACTS)["Labels"]


@given(st.lists(st.builds(
    PortMapping, st.sampled_from(["tcp", "udp", "sctp"]), st.integers(1, 65535), st.integers(1, 65535),
    st.ip_addresses().map(str) | st.just(""))))
def test_any_host_ports_come_back(ports: list[PortMapping]) -> None:
    assert ports_from_text(ports_to_text(ports)) == tuple(ports)


@given(st.text())
def test_any_text_gives_ports_or_none(text: str) -> None:
    assert all(port.host_port >= 0 for port in ports_from_text(text))


def container_body(config: cri.ContainerConfig, facts: EngineFacts = FACTS) -> dict[str, Any]:
    setup = LogSetup("json-file", {"mode": "blocking"}, {"log": "label"})
    return container_config.create_body(config, SANDBOX, [], "/log", setup, facts, read_profile)


def test_a_container() -> None:
    config = cri.ContainerConfig(
        metadata=cri.ContainerMetadata(name="c"), image=cri.ImageSpec(image="i"), args=["x"],
        envs=[cri.KeyValue(key="A", value=b"b=c")], tty=True, stdin=True, stop_signal=cri.SIGRTMINPLUS3,
        devices=[cri.Device(host_path="/dev/x", container_path="/dev/y", permissions="r")],
    )
    body = container_body(config)
    assert (body["Entrypoint"], body["Cmd"], body["Env"]) == (None, ["x"], ["A=b=c"])
    assert body["Tty"] and body["OpenStdin"] and body["StopSignal"] == "SIGRTMIN+3"
    assert body["Healthcheck"] == {"Test": ["NONE"]} and body["Labels"]["log"] == "label"
    host = body["HostConfig"]
    assert host["NetworkMode"] == host["IpcMode"] == f"container:{SANDBOX.id}"
    assert host["CgroupParent"] == "/kubepods/x" and host["LogConfig"]["Type"] == "json-file"
    assert host["Devices"] == [{"PathOnHost": "/dev/x", "PathInContainer": "/dev/y", "CgroupPermissions": "r"}]
    json.dumps(body)


@pytest.mark.parametrize(
    ("options", "pid"),
    [
        (cri.NamespaceOption(pid=cri.POD), f"container:{SANDBOX.id}"),
        (cri.NamespaceOption(pid=cri.CONTAINER), ""),
        (cri.NamespaceOption(pid=cri.NODE), "host"),
        (cri.NamespaceOption(pid=cri.TARGET, target_id="t"), "container:t"),
    ],
)
def test_pid_namespaces(options: cri.NamespaceOption, pid: str) -> None:
    assert container_config.namespaces(options, SANDBOX)["PidMode"] == pid


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (cri.ContainerConfig(image=cri.ImageSpec(image="i")), "metadata.name is empty"),
        (cri.ContainerConfig(metadata=cri.ContainerMetadata(name="c")), "image.image is empty"),
        (cri.ContainerConfig(metadata=cri.ContainerMetadata(name="c"), image=cri.ImageSpec(image="i"),
                             CDI_devices=[cri.CDIDevice(name="v/c=d")]), "CDI device 'v/c=d' needs"),
    ],
)
def test_containers_that_cannot_be(config: cri.ContainerConfig, text: str) -> None:
    with pytest.raises(errors.CriError, match=text):
        container_body(config)


# back


def inspect(**state: Any) -> dict[str, Any]:
    return {
        "Id": "c" * 64, "Name": "/k8s_c_pod_ns_uid-1_3", "Created": "1970-01-01T00:00:01Z", "Image": "sha256:i",
        "Config": {"Image": "sha256:" + "a" * 64, "Labels": {naming.SANDBOX_ID_LABEL: "s"}, "StopSignal": "15"},
        "HostConfig": {"Memory": 5, "CpuQuota": 7},
        "Mounts": [
            {"Source": "/own/id/hosts", "Destination": "/etc/hosts", "RW": True},
            {"Source": "/b", "Destination": "/b", "RW": False, "Propagation": "rslave"},
        ],
        "State": {"StartedAt": "0001-01-01T00:00:00Z", "FinishedAt": "0001-01-01T00:00:00Z", **state},
    }


@pytest.mark.parametrize(
    ("state", "expected", "reason", "code"),
    [
        ({}, cri.CONTAINER_CREATED, "", 0),
        ({"Running": True, "Pid": 5, "StartedAt": "1970-01-01T00:00:02Z"}, cri.CONTAINER_RUNNING, "", 0),
        ({"StartedAt": "1970-01-01T00:00:02Z", "FinishedAt": "1970-01-01T00:00:03Z"}, cri.CONTAINER_EXITED,
         "Completed", 0),
        ({"StartedAt": "1970-01-01T00:00:02Z", "FinishedAt": "1970-01-01T00:00:03Z", "ExitCode": 2},
         cri.CONTAINER_EXITED, "Error", 2),
        ({"StartedAt": "1970-01-01T00:00:02Z", "FinishedAt": "1970-01-01T00:00:03Z", "ExitCode": 137,
          "OOMKilled": True}, cri.CONTAINER_EXITED, "OOMKilled", 137),
        ({"ExitCode": 127, "Error": "no such file"}, cri.CONTAINER_EXITED, "ContainerCannotRun", 127),
        ({"ExitCode": 128, "FinishedAt": "1970-01-01T00:00:03Z"}, cri.CONTAINER_EXITED, "ContainerCannotRun", 128),
    ],
)
def test_states(state: dict[str, Any], expected: int, reason: str, code: int) -> None:
    record = records.to_container(inspect(**state), None, None)
    assert record is not None
    status = record.status
    assert (status.state, status.reason, status.exit_code) == (expected, reason, code)
    if expected == cri.CONTAINER_EXITED:
        assert status.finished_at and status.started_at
    assert status.created_at == 1_000_000_000


def test_a_status_has_all_its_facts() -> None:
    image = ImageFacts("sha256:i", ("name:1",), "name@sha256:d")
    record = records.to_container(inspect(), image, ProcessUser(1, 2, (3,)), "/own")
    assert record is not None
    status = record.status
    assert (status.image.image, status.image_ref, status.image_id) == ("name:1", "name@sha256:d", "sha256:i")
    assert (status.user.linux.uid, status.user.linux.gid, list(status.user.linux.supplemental_groups)) == (1, 2, [3])
    assert [(mount.container_path, mount.readonly, mount.propagation) for mount in status.mounts] == [
        ("/b", True, cri.PROPAGATION_HOST_TO_CONTAINER)
    ]
    assert status.stop_signal == cri.SIGTERM
    assert (status.resources.linux.memory_limit_in_bytes, status.resources.linux.cpu_quota) == (5, 7)


@pytest.mark.parametrize(("source", "reference"), [("sha256:" + "a" * 64, "sha256:" + "a" * 64), ("name:1", "")])
def test_an_image_volume_is_told_as_it_was_asked_for(source: str, reference: str) -> None:
    """Not as the directory that the engine has made of it; its digest only where that is certain."""
    found = inspect()
    found["HostConfig"]["Mounts"] = [{"Type": "image", "Target": "/i", "Source": source,
                                      "ImageOptions": {"Subpath": "etc"}}]
    found["Mounts"] = [{"Type": "image", "Name": source, "Source": "/d/overlay2/x/merged", "Destination": "/i"}]
    spec = cri.ImageSpec(image=source, image_ref=reference)
    assert records.to_mounts(found) == [
        cri.Mount(container_path="/i", readonly=True, image=spec, image_sub_path="etc")
    ]


@pytest.mark.parametrize(
    ("text", "signal"),
    [("", cri.SIGTERM), ("SIGUSR1", cri.SIGUSR1), ("usr1", cri.SIGUSR1), ("9", cri.SIGKILL),
     ("SIGRTMIN+3", cri.SIGRTMINPLUS3), ("nonsense", cri.RUNTIME_DEFAULT), ("99", cri.RUNTIME_DEFAULT)],
)
def test_signals(text: str, signal: int) -> None:
    assert records.to_signal(text) == signal


def test_facts() -> None:
    info = {
        "SecurityOptions": ["name=seccomp,profile=default", "name=apparmor"], "KernelVersion": "6.1.0-1-amd64",
        "CgroupDriver": "systemd", "Runtimes": {"runc": {}, "crun": {}}, "DockerRootDir": "/d",
    }
    facts = facts_from(info, (1, 47), None)
    assert facts.has("apparmor") and facts.has("seccomp") and not facts.has("selinux")
    assert facts.recursive_read_only and facts.runtimes == ("crun", "runc") and facts.root_dir == "/d"
    assert not facts_from({"KernelVersion": "5.4"}, (1, 47), None).recursive_read_only
