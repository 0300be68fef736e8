"""The defaults that the API server gives a Pod, for pods that never passed through it (manifest files and URLs).

Pure: a Pod in, the same Pod with its unset fields filled out. Source: pkg/apis/core/v1/defaults.go and
zz_generated.defaults.go; defaults by the scheduler or by admission plugins are not applied, as upstream.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import TypeVar

from msgspec.structs import replace

from kubelet.api.quantity import InvalidQuantityError, format_bytes, format_milli, parse
from kubelet.api.types import (
    Container,
    DownwardAPIVolumeFile,
    EmptyDirVolumeSource,
    EnvVar,
    EphemeralContainer,
    HTTPGetAction,
    Lifecycle,
    LifecycleHandler,
    ObjectFieldSelector,
    Pod,
    PodSecurityContext,
    PodSpec,
    Probe,
    Quantity,
    ResourceRequirements,
    Volume,
    VolumeProjection,
)

T = TypeVar("T")

TERMINATION_MESSAGE_PATH = "/dev/termination-log"
FILE_MODE = 0o644
TOKEN_SECONDS = 3600


def with_defaults(pod: Pod) -> Pod:
    """`pod` as the API server would store it."""
    spec = pod.spec
    containers = tuple(_requests_from_limits(_container(item)) for item in spec.containers)
    init_containers = tuple(_requests_from_limits(_container(item)) for item in spec.init_containers)
    if spec.host_network:
        containers, init_containers = _host_ports(containers), _host_ports(init_containers)
    spec = replace(
        spec, containers=containers, init_containers=init_containers,
        ephemeral_containers=tuple(_ephemeral(item) for item in spec.ephemeral_containers),
        volumes=tuple(_volume(volume) for volume in spec.volumes),
        dns_policy=spec.dns_policy or "ClusterFirst", restart_policy=spec.restart_policy or "Always",
        scheduler_name=spec.scheduler_name or "default-scheduler",
        security_context=spec.security_context or PodSecurityContext(),
        termination_grace_period_seconds=_or(spec.termination_grace_period_seconds, 30),
        enable_service_links=_or(spec.enable_service_links, True),
        service_account_name=spec.service_account_name or spec.service_account,
    )
    return replace(pod, spec=replace(spec, resources=_pod_resources(spec)))


def _or(value: T | None, default: T) -> T:
    return default if value is None else value


def image_tag(image: str) -> str:
    """The tag that a pull of `image` uses: its own, `latest` where it names neither tag nor digest, else empty."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return tag or ("" if digest else "latest")


def pull_policy(image: str) -> str:
    return "Always" if image_tag(image) == "latest" else "IfNotPresent"


def _container(container: Container) -> Container:
    return replace(
        container, image_pull_policy=container.image_pull_policy or pull_policy(container.image),
        termination_message_path=container.termination_message_path or TERMINATION_MESSAGE_PATH,
        termination_message_policy=container.termination_message_policy or "File",
        ports=tuple(replace(port, protocol=port.protocol or "TCP") for port in container.ports),
        env=_env(container.env), lifecycle=_lifecycle(container.lifecycle),
        liveness_probe=_probe(container.liveness_probe), readiness_probe=_probe(container.readiness_probe),
        startup_probe=_probe(container.startup_probe), resources=container.resources or ResourceRequirements(),
    )


def _ephemeral(container: EphemeralContainer) -> EphemeralContainer:
    return replace(
        container, env=_env(container.env), resources=container.resources or ResourceRequirements(),
        image_pull_policy=container.image_pull_policy or pull_policy(container.image),
        termination_message_path=container.termination_message_path or TERMINATION_MESSAGE_PATH,
        termination_message_policy=container.termination_message_policy or "File",
    )


def _field(reference: ObjectFieldSelector | None) -> ObjectFieldSelector | None:
    return reference and replace(reference, api_version=reference.api_version or "v1")


def _files(items: Iterable[DownwardAPIVolumeFile]) -> tuple[DownwardAPIVolumeFile, ...]:
    return tuple(replace(item, field_ref=_field(item.field_ref)) for item in items)


def _env(variables: Iterable[EnvVar]) -> tuple[EnvVar, ...]:
    def one(variable: EnvVar) -> EnvVar:
        source = variable.value_from
        return replace(variable, value_from=source and replace(source, field_ref=_field(source.field_ref)))

    return tuple(one(variable) for variable in variables)


def _probe(probe: Probe | None) -> Probe | None:
    if probe is None:
        return None
    return replace(
        probe, timeout_seconds=probe.timeout_seconds or 1, period_seconds=probe.period_seconds or 10,
        success_threshold=probe.success_threshold or 1, failure_threshold=probe.failure_threshold or 3,
        http_get=_http_get(probe.http_get),
    )


def _http_get(action: HTTPGetAction | None) -> HTTPGetAction | None:
    return action and replace(action, path=action.path or "/", scheme=action.scheme or "HTTP")


def _lifecycle(lifecycle: Lifecycle | None) -> Lifecycle | None:
    def handler(hook: LifecycleHandler | None) -> LifecycleHandler | None:
        return hook and replace(hook, http_get=_http_get(hook.http_get))

    if lifecycle is None:
        return None
    return replace(lifecycle, post_start=handler(lifecycle.post_start), pre_stop=handler(lifecycle.pre_stop))


def _requests_from_limits(container: Container) -> Container:
    """A limit without a request is also the request."""
    resources = container.resources
    if resources is None or not resources.limits:
        return container
    return replace(container, resources=replace(resources, requests={**resources.limits, **resources.requests}))


def _host_ports(containers: tuple[Container, ...]) -> tuple[Container, ...]:
    """In the host's network every container port is a host port."""
    return tuple(replace(container, ports=tuple(replace(port, host_port=port.host_port or port.container_port)
                                                for port in container.ports)) for container in containers)


def _volume(volume: Volume) -> Volume:
    if all(getattr(volume, name) is None for name in Volume.__struct_fields__ if name != "name"):
        return replace(volume, empty_dir=EmptyDirVolumeSource())
    secret, config_map, downward, projected = volume.secret, volume.config_map, volume.downward_api, volume.projected
    image, iscsi = volume.image, volume.iscsi
    return replace(
        volume,
        secret=secret and replace(secret, default_mode=_or(secret.default_mode, FILE_MODE)),
        config_map=config_map and replace(config_map, default_mode=_or(config_map.default_mode, FILE_MODE)),
        downward_api=downward and replace(downward, default_mode=_or(downward.default_mode, FILE_MODE),
                                          items=_files(downward.items)),
        projected=projected and replace(projected, default_mode=_or(projected.default_mode, FILE_MODE),
                                        sources=tuple(_projection(source) for source in projected.sources)),
        image=image and replace(image, pull_policy=image.pull_policy or pull_policy(image.reference)),
        iscsi=iscsi and replace(iscsi, iscsi_interface=iscsi.iscsi_interface or "default"),
    )


def _projection(source: VolumeProjection) -> VolumeProjection:
    token, downward = source.service_account_token, source.downward_api
    return replace(
        source,
        service_account_token=token and replace(token, expiration_seconds=_or(token.expiration_seconds, TOKEN_SECONDS)),
        downward_api=downward and replace(downward, items=_files(downward.items)),
    )


_POD_LEVEL = ("cpu", "memory")


def _is_pod_level(resource: str) -> bool:
    return resource in _POD_LEVEL or resource.startswith("hugepages-")


def _pod_resources(spec: PodSpec) -> ResourceRequirements | None:
    """Pod-level limits bring pod-level requests: the containers' sum where they have any, else the limit (KEP-2837).

    Quantities that cannot be read are left for validation."""
    resources = spec.resources
    if resources is None or not (resources.limits or resources.requests):
        return resources
    try:
        limits = dict(resources.limits)
        for name, amount in _sum(spec, "limits").items():
            if name.startswith("hugepages-") and name not in limits and name not in resources.requests:
                limits[name] = _written(name, amount)
        if not limits:
            return resources
        requests: dict[str, Quantity] = dict(resources.requests)
        for name, amount in _sum(spec, "requests").items():
            if name in _POD_LEVEL:
                requests.setdefault(name, _written(name, amount))
    except InvalidQuantityError:
        return resources
    for name, limit in limits.items():
        if _is_pod_level(name):
            requests.setdefault(name, limit)
    return replace(resources, limits=limits, requests=requests)


def _sum(spec: PodSpec, field: str) -> dict[str, Fraction]:
    """What the containers need in all: regular ones and sidecars together, or the largest moment of initialisation."""

    def amounts(container: Container) -> dict[str, Fraction]:
        written: dict[str, Quantity] = getattr(container.resources, field) if container.resources else {}
        return {name: parse(amount) for name, amount in written.items()}

    def add(left: dict[str, Fraction], right: dict[str, Fraction]) -> dict[str, Fraction]:
        return {name: left.get(name, Fraction(0)) + right.get(name, Fraction(0)) for name in {**left, **right}}

    def most(left: dict[str, Fraction], right: dict[str, Fraction]) -> dict[str, Fraction]:
        return {name: max(left.get(name, Fraction(0)), right.get(name, Fraction(0))) for name in {**left, **right}}

    sidecars: dict[str, Fraction] = {}
    peak: dict[str, Fraction] = {}
    for container in spec.init_containers:
        if container.restart_policy == "Always":
            sidecars = add(sidecars, amounts(container))
            peak = most(peak, sidecars)
        else:
            peak = most(peak, add(sidecars, amounts(container)))
    total = sidecars
    for container in spec.containers:
        total = add(total, amounts(container))
    return most(total, peak)


def _written(resource: str, amount: Fraction) -> str:
    return format_milli(-(-amount * 1000 // 1)) if resource == "cpu" else format_bytes(-(-amount // 1))
