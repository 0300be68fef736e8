"""Fields of a pod that few use, each by what its containers see, and what people are told where one cannot be had."""

import asyncio
import re

from kube import WAIT, Kube, condition, container_status, is_ready, phase, pod, shell, waiting_reason

from conformance.apiclient import Json

MIB = 2**20
LONG = "a-very-long-host-name-that-fits-by-itself"


def _file_key(name: str, key: str, *, file: str = "env", optional: bool = False) -> Json:
    return {"name": name, "valueFrom": {"fileKeyRef": {
        "volumeName": "made", "path": file, "key": key, "optional": optional}}}  # fmt: skip


def _from_files(name: str, *env: Json) -> Json:
    mounted = {"volumeMounts": [{"name": "made", "mountPath": "/made"}]}
    made = "printf \"WORD='two words'\\n# a comment\\nLINES='one\\ntwo'\\n\" > /made/env"
    return pod(
        name, shell("main", 'echo "$WORD"; echo "$LINES"; echo "${NONE-not set}"', env=list(env)),
        initContainers=[shell("init", made, **mounted)], volumes=[{"name": "made", "emptyDir": {}}],
        restartPolicy="Never",
    )  # fmt: skip


async def test_environment_from_files_that_an_init_container_has_written(kube: Kube) -> None:
    await kube.apply(
        _from_files("has", _file_key("WORD", "WORD"), _file_key("LINES", "LINES"),
                    _file_key("NONE", "NONE", optional=True)),
        _from_files("lacks", _file_key("NONE", "NONE")),
        _from_files("no-file", _file_key("WORD", "WORD", file="other")),
    )  # fmt: skip
    await kube.until_pod("has", lambda p: phase(p) == "Succeeded")
    assert (await kube.logs("has", "-c", "main")).splitlines() == ["two words", "one", "two", "not set"]
    for name in ("lacks", "no-file"):
        stuck = await kube.until_pod(name, lambda p: waiting_reason(p, "main") == "CreateContainerConfigError")
        message = container_status(stuck, "main")["state"]["waiting"]["message"]
        assert re.search("environment variable key" if name == "lacks" else "couldn't parse env file", message), message


async def test_host_names_as_they_are_wanted(kube: Kube) -> None:
    said = shell("main", "hostname; grep -v '^#' /etc/hosts")
    domain = f"{kube.namespace}.svc.cluster.local"
    await kube.apply(
        pod("fqdn", said, restartPolicy="Never", hostname="host", subdomain="sub", setHostnameAsFQDN=True),
        pod("own", said, restartPolicy="Never", hostname="host", subdomain="sub", hostnameOverride="my.own.name"),
        pod("too-long", said, restartPolicy="Never", hostname=LONG, subdomain="sub", setHostnameAsFQDN=True),
    )
    async with asyncio.TaskGroup() as group:
        for name in ("fqdn", "own"):
            group.create_task(kube.until_pod(name, lambda p: phase(p) == "Succeeded"))
    name, *hosts = (await kube.logs("fqdn")).splitlines()
    assert name == f"host.sub.{domain}" and any(f"host.sub.{domain}\thost" in line for line in hosts), hosts
    name, *hosts = (await kube.logs("own")).splitlines()
    assert name == "my.own.name" and not any(domain in line for line in hosts), hosts
    event = await kube.until_event("too-long", "FailedCreatePodSandBox")
    fqdn = f"{LONG}.sub.{domain}"
    assert event.message == (
        "Failed to create pod sandbox: failed to construct FQDN from pod hostname and cluster domain, FQDN "
        f"{fqdn} is too long (64 characters is the max, {len(fqdn)} characters requested)"
    )


async def test_resources_of_a_pod_as_a_whole(kube: Kube) -> None:
    whole = {"requests": {"cpu": "100m", "memory": "32Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}}
    env = [{"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}}]
    await kube.apply(pod("whole", shell("one", f"echo $LIMIT; {WAIT}", env=env), shell("two", WAIT), resources=whole))
    seen = await kube.until_pod("whole", is_ready)
    assert seen["status"]["qosClass"] == "Burstable"
    group = f"kubepods/burstable/pod{seen['metadata']['uid']}"
    files = {
        f"memory/{group}/memory.limit_in_bytes": 64 * MIB, f"cpu/{group}/cpu.cfs_quota_us": 20_000,
        f"cpu/{group}/cpu.shares": 102,
    }  # fmt: skip
    for file, expected in files.items():
        assert int(kube.cluster.node.path(f"/sys/fs/cgroup/{file}").read_text()) == expected, file
    assert (await kube.logs("whole", "-c", "one")).split() == [str(64 * MIB)]


async def test_what_a_process_is_and_sees(kube: Kube) -> None:
    strict = {
        "runAsUser": 1000, "runAsGroup": 3000, "supplementalGroups": [60000], "supplementalGroupsPolicy": "Strict",
        "fsGroup": 2000, "fsGroupChangePolicy": "OnRootMismatch",
    }  # fmt: skip
    scratch = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    await kube.apply(
        pod("strict", shell("main", f"id -u; id -g; id -G; stat -c '%g %a' /v; {WAIT}", **scratch),
            securityContext=strict, volumes=[{"name": "v", "emptyDir": {}}]),
        pod("masked", shell("main", f"grep -c ' /proc/k' /proc/mounts; {WAIT}",
                            securityContext={"procMount": "Default"})),
        pod("shared", shell("main", "exec sleep 99999"), shell("sees", WAIT, readinessProbe={
            "exec": {"command": ["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -q 'sleep 9999[9]'"]}}),
            shareProcessNamespace=True),
    )  # fmt: skip
    await kube.until_all(is_ready, "strict", "masked", "shared")
    uid, gid, groups, volume = (await kube.logs("strict")).splitlines()
    assert (uid, gid, sorted(groups.split())) == ("1000", "3000", ["2000", "3000", "60000"])
    assert volume == "2000 2777"
    user = container_status(await kube.get("pods/strict"))["user"]["linux"]
    assert (user["uid"], user["gid"], sorted(user["supplementalGroups"])) == (1000, 3000, [2000, 3000, 60000])
    assert int(await kube.logs("masked")) >= 1  # /proc/kcore, and /proc/keys where the kernel has it


async def test_people_are_told_of_what_is_not_as_they_asked(kube: Kube) -> None:
    node, everywhere = kube.cluster.name, Kube(kube.cluster, kube.client, "default")
    servers = {"nameservers": ["192.0.2.1", "192.0.2.2", "192.0.2.3"]}
    await kube.apply(
        pod("secretless", shell("main", WAIT), imagePullSecrets=[{"name": "absent"}, {"name": "gone"}]),
        pod("resolves", shell("main", WAIT), dnsConfig=servers),
    )
    await kube.until_all(is_ready, "secretless", "resolves")
    event = await kube.until_event("secretless", "FailedToRetrieveImagePullSecret")
    assert (event.kind, event.message) == (
        "Warning", "Unable to retrieve some image pull secrets (absent, gone); attempting to pull the image may not "
        "succeed.",
    )  # fmt: skip
    event = await kube.until_event("resolves", "DNSConfigForming")
    assert event.message.startswith("Nameserver limits were exceeded, some nameservers have been omitted")
    for verb, reason in (("cordon", "NodeNotSchedulable"), ("uncordon", "NodeSchedulable")):
        await kube.kubectl(verb, node)
        event = await everywhere.until_event(node, reason)
        assert (event.kind, event.message) == ("Normal", f"Node {node} status is now: {reason}")
    assert condition(await kube.get("pods/resolves"), "Ready") == "True"
