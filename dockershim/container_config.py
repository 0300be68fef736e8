"""The body of the engine's create call for an app container. Pure, but for reading seccomp profiles."""

from typing import Any

from cri.errors import InvalidArgumentError, UnimplementedError
from cri.v1 import api_pb2 as cri
from dockershim import cgroup_files, mounts, naming, resources, security
from dockershim.facts import EngineFacts
from dockershim.logs import LogSetup
from dockershim.records import SandboxRecord

JSON = dict[str, Any]
_CDI_API = (1, 44)


def log_path(config: cri.ContainerConfig, sandbox_config: cri.PodSandboxConfig) -> str:
    """Absolute; empty where the pod has no log directory or the container no log."""
    if not config.log_path or not sandbox_config.log_directory:
        return ""
    return f"{sandbox_config.log_directory.rstrip('/')}/{config.log_path}"


def create_body(
    config: cri.ContainerConfig,
    sandbox: SandboxRecord,
    added_mounts: list[cri.Mount],
    path_of_log: str,
    log: LogSetup,
    facts: EngineFacts,
    read_profile: security.ReadProfile,
) -> JSON:
    if not config.metadata.name:
        raise InvalidArgumentError("container config: metadata.name is empty")
    if not config.image.image:
        raise InvalidArgumentError("container config: image.image is empty")
    context = config.linux.security_context
    labels = naming.container_labels(config, sandbox.id, path_of_log, naming.config_hash(config))
    host: JSON = {
        **(_security(config, facts, read_profile)),
        **namespaces(context.namespace_options, sandbox),
        **mounts.host_config([*config.mounts, *added_mounts], facts),
        **resources.create_resources(config.linux.resources, facts),
        "CgroupParent": sandbox.cgroup_parent,
        "Devices": [
            {
                "PathOnHost": device.host_path,
                "PathInContainer": device.container_path,
                "CgroupPermissions": device.permissions or "rwm",
            }
            for device in config.devices
        ],
        "DeviceRequests": _cdi(config, facts),
        "LogConfig": {"Type": log.driver, "Config": dict(log.options)},
        "RestartPolicy": {"Name": "no"},
        "Runtime": sandbox.runtime_handler,
        **({"UsernsMode": "host"} if facts.userns_remap else {}),
    }
    return {
        "Image": config.image.image,
        "Entrypoint": list(config.command) or None,
        "Cmd": list(config.args) or None,
        "Env": [env.key + "=" + env.value.decode("utf-8", "replace") for env in config.envs],
        "WorkingDir": config.working_dir,
        "User": security.user(context),
        "Labels": {**labels, **cgroup_files.label(config.linux.resources), **log.labels},
        "OpenStdin": config.stdin,
        "StdinOnce": config.stdin_once,
        "Tty": config.tty,
        "Healthcheck": {"Test": ["NONE"]},  # probes are the kubelet's; an image's own check would only cost
        **({"StopSignal": engine_signal(config.stop_signal)} if config.stop_signal else {}),
        "HostConfig": host,
    }


def _security(config: cri.ContainerConfig, facts: EngineFacts, read_profile: security.ReadProfile) -> JSON:
    if not config.linux.HasField("security_context"):
        return {}
    return security.host_config(config.linux.security_context, facts, read_profile)


def namespaces(options: cri.NamespaceOption, sandbox: SandboxRecord) -> JSON:
    """Network and IPC are always the sandbox's; PID as asked for. The engine makes the hostname follow the network."""
    pid = {
        cri.NODE: "host",
        cri.POD: f"container:{sandbox.id}",
        cri.TARGET: f"container:{options.target_id}",
    }.get(options.pid, "")
    if options.pid == cri.TARGET and not options.target_id:
        raise InvalidArgumentError("PID namespace mode TARGET without a target container")
    return {
        "NetworkMode": f"container:{sandbox.id}",
        "IpcMode": "host" if sandbox.namespaces.ipc == cri.NODE else f"container:{sandbox.id}",
        "PidMode": pid,
        "UTSMode": "" if sandbox.has_own_network else "host",
    }


def _cdi(config: cri.ContainerConfig, facts: EngineFacts) -> list[JSON]:
    names = [device.name for device in config.CDI_devices]
    if not names:
        return []
    if facts.api < _CDI_API:
        raise UnimplementedError(f"CDI device {names[0]!r} needs Docker Engine 25 or newer")
    return [{"Driver": "cdi", "DeviceIDs": names}]


def engine_signal(signal: cri.Signal.ValueType) -> str:
    return cri.Signal.Name(signal).replace("PLUS", "+").replace("MINUS", "-")
