"""What one pod may ask for: configuration in every form, hooks, limits, the node's network, static manifests."""

import asyncio
import json
import re

from kube import (
    WAIT,
    Kube,
    config_map,
    container_status,
    eventually,
    is_ready,
    phase,
    pod,
    secret,
    shell,
    web,
)

from conformance.apiclient import Json

MANIFESTS = "/etc/kubernetes/manifests"


async def test_environment_of_every_kind(kube: Kube) -> None:
    env = [
        {"name": "PLAIN", "value": "one"},
        {"name": "EXPANDED", "value": "$(PLAIN)-$(FROM_MAP)-$$(PLAIN)-$(ABSENT)"},
        {"name": "FROM_MAP", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "level"}}},
        {"name": "AFTER", "value": "$(FROM_MAP)"},
        {"name": "FROM_SECRET", "valueFrom": {"secretKeyRef": {"name": "passwords", "key": "word"}}},
        {"name": "OPTIONAL", "valueFrom": {"configMapKeyRef": {"name": "absent", "key": "x", "optional": True}}},
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "POD_IPS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIPs"}}},
        {"name": "HOST_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
        {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "ACCOUNT", "valueFrom": {"fieldRef": {"fieldPath": "spec.serviceAccountName"}}},
        {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "NOTE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['note']"}}},
        {"name": "CPU_LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
        {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "requests.memory", "divisor": "1Mi"}}},
        {"name": "MEMORY_LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
    ]
    env_from = [
        {"configMapRef": {"name": "settings"}},
        {"prefix": "S_", "secretRef": {"name": "passwords"}},
        {"configMapRef": {"name": "absent", "optional": True}},
    ]
    resources = {"limits": {"cpu": "250m"}, "requests": {"memory": "16Mi"}}
    container = shell("main", "env; hostname", env=env, envFrom=env_from, resources=resources)
    await kube.apply(
        config_map("settings", **{"level": "high", "PLAIN": "from the map"}),
        secret("passwords", word="s3cret"),
        pod("env", container, restartPolicy="Never", labels={"app": "env-test"}, annotations={"note": "two words"}),
    )
    done = await kube.until_pod("env", lambda p: phase(p) == "Succeeded")
    *lines, hostname = (await kube.logs("env")).splitlines()
    got = dict(line.split("=", 1) for line in lines if "=" in line)
    assert hostname == "env"
    node = await kube.get(f"nodes/{kube.cluster.name}")
    expected = {
        "PLAIN": "one", "EXPANDED": "one-$(FROM_MAP)-$(PLAIN)-$(ABSENT)", "FROM_MAP": "high", "AFTER": "high",
        "FROM_SECRET": "s3cret", "POD_NAME": "env", "POD_NAMESPACE": kube.namespace,
        "POD_UID": done["metadata"]["uid"], "POD_IP": done["status"]["podIP"], "POD_IPS": done["status"]["podIP"],
        "HOST_IP": kube.cluster.node.ip, "NODE_NAME": kube.cluster.name, "ACCOUNT": "default", "LABEL": "env-test",
        "NOTE": "two words", "CPU_LIMIT": "250", "MEMORY": "16", "level": "high", "S_word": "s3cret",
        "MEMORY_LIMIT": str(_memory_bytes(node["status"]["allocatable"]["memory"])), "HOSTNAME": "env",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT_HTTPS": "443",
        "KUBERNETES_PORT": "tcp://10.96.0.1:443",
    }  # fmt: skip
    assert {k: got.get(k) for k in expected} == expected
    assert "OPTIONAL" not in got


async def test_volumes_of_configuration(kube: Kube) -> None:
    script = """
        cd /config && ls -la .. >/dev/null; cat level; cat /config/deep/renamed; stat -c %a /config/deep/renamed
        cat /secret/word; stat -c %a /secret/..data/word; stat -f -c %T /secret; readlink /secret/word
        cat /down/labels; cat /down/cpu; cat /down/name
        cat /all/level /all/word /all/where; echo
        cat /sub/level; ls /sub; cat /etc/one
        touch /config/x 2>/dev/null || echo read-only
        head -c 3 /token/token; echo; cut -d. -f2 /token/token; stat -L -c %a /token/token
        ls /var/run/secrets/kubernetes.io/serviceaccount; cat /var/run/secrets/kubernetes.io/serviceaccount/namespace
        echo; id -u; id -G; stat -c %g /shared; stat -c %g:%a /secret/..data/word
        echo kept >/disk/file; cat /disk/file; grep -c ' /memory tmpfs' /proc/mounts; cat /host/hostname
    """
    mounts = [
        {"name": n, "mountPath": f"/{n}"}
        for n in ("config", "secret", "down", "all", "token", "shared", "disk", "memory")
    ]
    mounts += [
        {"name": "config", "mountPath": "/etc/one", "subPath": "level"},
        {"name": "disk", "mountPath": "/sub", "subPathExpr": "$(POD_NAME)/deep"},
        {"name": "host", "mountPath": "/host", "readOnly": True},
    ]
    items = [{"key": "level", "path": "level"}, {"key": "other", "path": "deep/renamed", "mode": 0o400}]
    downward: list[Json] = [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "cpu", "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu", "divisor": "1m"}},
        {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}},
    ]
    sources: list[Json] = [
        {"configMap": {"name": "settings", "items": [{"key": "level", "path": "level"}]}},
        {"secret": {"name": "passwords"}},
        {"downwardAPI": {"items": [{"path": "where", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    token = {"serviceAccountToken": {"path": "token", "audience": "tests", "expirationSeconds": 3600}}
    volumes = [
        {"name": "config", "configMap": {"name": "settings", "items": items}},
        {"name": "secret", "secret": {"secretName": "passwords", "defaultMode": 0o440}},
        {"name": "down", "downwardAPI": {"items": downward}},
        {"name": "all", "projected": {"sources": sources}},
        {"name": "token", "projected": {"sources": [token]}},
        {"name": "shared", "emptyDir": {}},
        {"name": "disk", "emptyDir": {}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "host", "hostPath": {"path": "/etc", "type": "Directory"}},
    ]
    prepare = shell("init", 'mkdir -p /disk/$POD_NAME/deep; echo sub >/disk/$POD_NAME/deep/level; chmod 777 /disk',
                    env=[_name_env()], volumeMounts=[{"name": "disk", "mountPath": "/disk"}])  # fmt: skip
    main = shell("main", script, volumeMounts=mounts, env=[_name_env()], resources={"limits": {"cpu": "100m"}})
    await kube.apply(
        config_map("settings", level="high\n", other="deep\n"),
        secret("passwords", word="s3cret\n"),
        pod("volumes", main, initContainers=[prepare], volumes=volumes, restartPolicy="Never",
            labels={"a": "1", "b": "x"}, securityContext={"fsGroup": 2000, "supplementalGroups": [3000]}),
    )  # fmt: skip
    await kube.until_pod("volumes", lambda p: phase(p) in ("Succeeded", "Failed"))
    lines = (await kube.logs("volumes")).splitlines()
    payload = lines.pop(lines.index("eyJ") + 1)
    assert lines == [
        "high", "deep", "440",  # 400 asked, readable by the group because of fsGroup
        "s3cret", "440", "tmpfs", "..data/word",
        'a="1"', 'b="x"100volumeshigh', "s3cret", kube.namespace, "sub", "level", "high",
        "read-only", "eyJ", "640",
        "ca.crt", "namespace", "token", kube.namespace, "0", "0 2000 3000", "2000", "2000:440",
        "kept", "1", kube.cluster.name,
    ]  # fmt: skip
    claims = _decoded(payload)
    assert claims["aud"] == ["tests"]
    assert claims["kubernetes.io"]["pod"]["name"] == "volumes"
    assert claims["exp"] - claims["iat"] == 3600


async def test_changed_configuration_reaches_running_pods(kube: Kube) -> None:
    script = "old=; while :; do new=$(cat /config/level /secret/word 2>&1); "
    script += '[ "$new" = "$old" ] || echo $new; old=$new; sleep 0.2; done'
    mounts = [{"name": n, "mountPath": f"/{n}"} for n in ("config", "secret")]
    volumes = [
        {"name": "config", "configMap": {"name": "settings"}},
        {"name": "secret", "secret": {"secretName": "passwords"}},
    ]
    await kube.apply(
        config_map("settings", level="low"),
        secret("passwords", word="first"),
        pod("reader", shell("main", script, volumeMounts=mounts), volumes=volumes),
    )
    await kube.until_pod("reader", is_ready)
    async with kube.following("reader") as lines:
        assert await lines.next() == "lowfirst"
        await kube.apply(config_map("settings", level="high"), secret("passwords", word="second"))
        # Upstream looks at volumes again when it syncs the pod, once in about a minute.
        await lines.until(lambda line: line == "highsecond", timeout=100)
    assert container_status(await kube.get("pods/reader"))["restartCount"] == 0


async def test_containers_start_and_stop_in_order(kube: Kube) -> None:
    """Init containers one by one, a sidecar before the main container and after it, hooks, messages of the end."""
    note = 'echo {} $(cut -d" " -f1 /proc/uptime) >>/shared/order'
    shared = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}

    def noting(name: str, **fields: object) -> Json:
        body = f"{note.format(name)}; trap '{note.format(name + ' term')}; exit 0' TERM; sleep 100000 & wait"
        return shell(name, body, **shared, **fields)

    hooks = {
        "postStart": {"exec": {"command": ["sh", "-c", note.format("postStart")]}},
        "preStop": {"exec": {"command": ["sh", "-c", note.format("preStop")]}},
    }
    directory = f"/var/tmp/{kube.namespace}"
    started = {"exec": {"command": ["grep", "-q", "side", "/shared/order"]}, "periodSeconds": 1}
    message = shell("main", "echo -n what happened >/dev/termination-log; echo logged; exit 3")
    await kube.apply(
        pod("order", noting("main", lifecycle=hooks),
            initContainers=[shell("one", note.format("one"), **shared), shell("two", note.format("two"), **shared),
                            noting("side", restartPolicy="Always", startupProbe=started)],
            volumes=[{"name": "shared", "hostPath": {"path": directory, "type": "DirectoryOrCreate"}}],
            terminationGracePeriodSeconds=20),
        pod("message", message, restartPolicy="Never"),
        pod("fallback", shell("main", "echo only logged; exit 4", terminationMessagePolicy="FallbackToLogsOnError"),
            restartPolicy="Never"),
    )  # fmt: skip
    await kube.until_pod("order", is_ready)
    order = kube.cluster.node.path(f"{directory}/order")

    async def hook_ran() -> None:
        assert "postStart" in order.read_text()

    await eventually(hook_ran)
    await kube.delete("pods/order")
    await kube.until_gone("order")
    words = [line.rpartition(" ")[0] for line in order.read_text().splitlines()]
    assert words[:3] == ["one", "two", "side"]
    assert set(words[3:5]) == {"main", "postStart"}
    assert words[5:] == ["preStop", "main term", "side term"]
    ended = [await kube.until_pod(name, lambda p: phase(p) == "Failed") for name in ("message", "fallback")]
    states = [container_status(p)["state"]["terminated"] for p in ended]
    assert [(s["exitCode"], s["reason"], s["message"]) for s in states] == [
        (3, "Error", "what happened"),
        (4, "Error", "only logged\n"),
    ]


async def test_resources_reach_the_control_groups(kube: Kube) -> None:
    script = """
        cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares
        cat /proc/1/oom_score_adj; """
    limited = {"limits": {"cpu": "200m", "memory": "48Mi"}, "requests": {"cpu": "100m", "memory": "24Mi"}}
    equal = {"limits": {"cpu": "100m", "memory": "24Mi"}}
    await kube.apply(
        pod("burstable", shell("main", script + WAIT, resources=limited)),
        pod("guaranteed", shell("main", script + WAIT, resources=equal)),
        pod("besteffort", shell("main", script + WAIT)),
    )
    await kube.until_all(is_ready, "burstable", "guaranteed", "besteffort")
    pods = {name: await kube.get(f"pods/{name}") for name in ("burstable", "guaranteed", "besteffort")}
    assert [p["status"]["qosClass"] for p in pods.values()] == ["Burstable", "Guaranteed", "BestEffort"]
    said = {name: (await kube.logs(name)).split() for name in pods}
    assert said["burstable"][:3] == [str(48 << 20), "20000", "102"]
    assert said["guaranteed"][:3] == [str(24 << 20), "10000", "102"]
    assert said["besteffort"][1:3] == ["-1", "2"]
    scores = {name: int(words[-1]) for name, words in said.items()}
    assert scores["besteffort"] == 1000
    assert 2 < scores["burstable"] < 1000
    root = kube.cluster.node.path("/sys/fs/cgroup/memory/kubepods")
    for name, below in {"burstable": "burstable/", "guaranteed": "", "besteffort": "besteffort/"}.items():
        group = root / f"{below}pod{pods[name]['metadata']['uid']}"
        assert group.is_dir(), f"no control group for {name}"
    whole = root / f"burstable/pod{pods['burstable']['metadata']['uid']}" / "memory.limit_in_bytes"
    assert whole.read_text().strip() == str(48 << 20)


async def test_host_network_and_host_ports(kube: Kube) -> None:
    node = kube.cluster.node
    options = [{"name": "ndots", "value": "2"}]
    dns = {"nameservers": ["192.0.2.53"], "searches": ["example.test"], "options": options}
    await kube.apply(
        pod("host", shell("main", "hostname; ip -o link; cat /etc/resolv.conf; " + WAIT), hostNetwork=True,
            dnsPolicy="ClusterFirstWithHostNet"),
        pod("port", web(ports=[{"containerPort": 80, "hostPort": 30081}])),
        pod("aliases", shell("main", "hostname; hostname -f; cat /etc/hosts; cat /etc/resolv.conf; " + WAIT),
            hostname="named", subdomain="sub", hostAliases=[{"ip": "192.0.2.1", "hostnames": ["a", "b"]}],
            dnsPolicy="None", dnsConfig=dns),
        pod("sysctl", shell("main", "cat /proc/sys/net/ipv4/ip_local_port_range; " + WAIT),
            securityContext={"sysctls": [{"name": "net.ipv4.ip_local_port_range", "value": "2000 3000"}]}),
    )  # fmt: skip
    await kube.until_all(is_ready, "host", "port", "aliases", "sysctl")
    host = await kube.get("pods/host")
    assert host["status"]["podIP"] == host["status"]["hostIP"] == node.ip
    said = await kube.logs("host")
    assert said.startswith(f"{node.name}\n")
    assert " eth0" in said
    assert "nameserver 10.96.0.10\n" in said
    page = await node.run(["busybox", "wget", "-qO-", f"http://{node.ip}:30081/hostname"])
    assert page.stdout == "port\n"
    aliases = await kube.get("pods/aliases")
    full = f"named.sub.{kube.namespace}.svc.cluster.local"
    lines = (await kube.logs("aliases")).splitlines()
    assert lines[:2] == ["named", full]
    assert lines[2] == "# Kubernetes-managed hosts file."
    assert f"{aliases['status']['podIP']}\t{full}\tnamed" in lines
    assert "192.0.2.1\ta\tb" in lines
    assert sorted(lines[-3:]) == ["nameserver 192.0.2.53", "options ndots:2", "search example.test"]
    assert (await kube.logs("sysctl")).split() == ["2000", "3000"]


async def test_static_pods_have_mirrors(kube: Kube) -> None:
    node = kube.cluster.node
    name = f"fixed-{node.name}"
    manifest = pod("fixed", shell("main", "echo version $VERSION; " + WAIT, env=[{"name": "VERSION", "value": "1"}]))
    manifest["metadata"]["namespace"] = kube.namespace
    path = node.path(f"{MANIFESTS}/{kube.namespace}.yaml")
    await asyncio.to_thread(path.write_text, json.dumps(manifest))
    try:
        first = await kube.until_pod(name, is_ready, timeout=40)
        annotations = first["metadata"]["annotations"]
        assert annotations["kubernetes.io/config.source"] == "file"
        assert annotations["kubernetes.io/config.mirror"] == annotations["kubernetes.io/config.hash"]
        owner = first["metadata"]["ownerReferences"][0]
        assert (owner["kind"], owner["name"], owner["controller"]) == ("Node", node.name, True)
        assert await kube.logs(name) == "version 1\n"
        # Deleting the mirror does not end the pod; changing the file does.
        await kube.delete(f"pods/{name}", grace_seconds=0)
        uid = first["metadata"]["uid"]
        again = await kube.until_pod(name, lambda p: bool(p) and p["metadata"]["uid"] != uid and is_ready(p), 100)
        assert container_status(again)["containerID"] == container_status(first)["containerID"]
        manifest["spec"]["containers"][0]["env"][0]["value"] = "2"
        await asyncio.to_thread(path.write_text, json.dumps(manifest))
        old = annotations["kubernetes.io/config.hash"]
        await kube.until_pod(
            name,
            lambda p: bool(p) and p["metadata"]["annotations"]["kubernetes.io/config.hash"] != old and is_ready(p),
            40,
        )
        assert await kube.logs(name) == "version 2\n"
    finally:
        path.unlink()
    await kube.until_gone(name, 40)


def _name_env() -> Json:
    return {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}


def _memory_bytes(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Ki)?", quantity).groups()  # type: ignore[union-attr]
    return int(number) * (1024 if unit else 1)


def _decoded(part: str) -> Json:
    """A part of a JSON Web Token."""
    import base64

    decoded: Json = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded
