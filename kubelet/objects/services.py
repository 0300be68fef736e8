"""Services, as far as containers see them: the variables of service links (pkg/kubelet/envvars)."""

from collections.abc import Iterable

from kubelet.api.types import Service
from kubelet.apiclient import paths as api_paths
from kubelet.apiclient.reflector import Reflector
from kubelet.objects.manager import ListWatcher

_MASTER = ("default", "kubernetes")
"""Every container sees this one, or clients inside the cluster would not find the API server."""


class Services:
    """A live copy of all services of the cluster."""

    def __init__(self, client: ListWatcher) -> None:
        self._reflector: Reflector[Service] = Reflector(client, api_paths.SERVICES, Service)

    async def run(self) -> None:
        await self._reflector.run()

    async def synced(self) -> None:
        """Returns when services have been listed once."""
        await self._reflector.synced.wait()

    def env_for(self, namespace: str, enable_service_links: bool) -> dict[str, str]:
        return service_env(self._reflector.items(), namespace, enable_service_links)


def service_env(services: Iterable[Service], namespace: str, enable_service_links: bool) -> dict[str, str]:
    """Variables for a container in `namespace`; headless services have none. Pure."""
    visible: dict[str, Service] = {}
    for service in services:
        meta = service.metadata
        if service.spec.cluster_ip in ("", "None") or not service.spec.ports:
            continue
        if (meta.namespace, meta.name) == _MASTER:
            visible.setdefault(meta.name, service)
        elif enable_service_links and meta.namespace == namespace:
            visible[meta.name] = service
    return {name: value for _, service in sorted(visible.items()) for name, value in _variables(service).items()}


def _variables(service: Service) -> dict[str, str]:
    prefix, address, ports = _name(service.metadata.name), service.spec.cluster_ip, service.spec.ports
    found = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(ports[0].port)}
    found.update((f"{prefix}_SERVICE_PORT_{_name(port.name)}", str(port.port)) for port in ports if port.name)
    host = f"[{address}]" if ":" in address else address
    for number, port in enumerate(ports):
        protocol = port.protocol or "TCP"
        url = f"{protocol.lower()}://{host}:{port.port}"
        if number == 0:
            found[f"{prefix}_PORT"] = url
        link = f"{prefix}_PORT_{port.port}_{protocol.upper()}"
        found.update({link: url, f"{link}_PROTO": protocol.lower(), f"{link}_PORT": str(port.port),
                      f"{link}_ADDR": address})
    return found


def _name(text: str) -> str:
    return text.replace("-", "_").upper()
