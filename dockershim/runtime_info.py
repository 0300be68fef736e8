"""Version, Status, RuntimeConfig: what the kubelet shows of the runtime and decides features by."""

import msgspec

from cri.v1 import api_pb2 as cri
from dockershim.engine import EngineClient
from dockershim.facts import EngineFacts
from dockershim.image_pull import ImagePuller
from dockershim.network import NetworkPlugin
from dockershim.ports import EngineState

RUNTIME_NAME = "docker"
"""As cri-dockerd says it: tools look for `docker://` in node and container status."""
CRI_VERSION = "v1"
KUBELET_API_VERSION = "0.1.0"
"""The field is a relic of the kubelet's own API; every runtime sends this."""


class RuntimeInfo:
    def __init__(
        self, engine: EngineClient, state: EngineState, network: NetworkPlugin, puller: ImagePuller, pause_image: str
    ) -> None:
        self._engine, self._state, self._network, self._puller = engine, state, network, puller
        self._pause_image = pause_image

    async def version(self) -> cri.VersionResponse:
        self._state.require()
        return cri.VersionResponse(
            version=KUBELET_API_VERSION,
            runtime_name=RUNTIME_NAME,
            runtime_version=str(self._engine.version.get("Version") or ""),
            runtime_api_version=CRI_VERSION,
        )

    async def status(self, verbose: bool) -> cri.StatusResponse:
        """Never fails for an engine that is away: that is what it reports."""
        network = await self._network.status()
        response = cri.StatusResponse(
            status=cri.RuntimeStatus(
                conditions=[
                    cri.RuntimeCondition(
                        type="RuntimeReady",
                        status=not self._state.reason,
                        reason="DockerDaemonNotReady" if self._state.reason else "",
                        message=f"docker: {self._state.reason}" if self._state.reason else "",
                    ),
                    cri.RuntimeCondition(
                        type="NetworkReady", status=network.ready, reason=network.reason, message=network.message
                    ),
                ]
            ),
            features=cri.RuntimeFeatures(supplemental_groups_policy=True, user_namespaces_host_network=False),
        )
        facts = self._state.known_facts
        if facts is not None:
            response.runtime_handlers.extend(runtime_handlers(facts))
        if verbose:
            response.info.update(self._verbose(facts))
        return response

    def _verbose(self, facts: EngineFacts | None) -> dict[str, str]:
        pulls = {
            name: {
                "currentBytes": pull.current_bytes,
                "totalBytes": pull.total_bytes,
                "bytesPerSecond": round(pull.bytes_per_second),
                "startedAt": pull.began_at,
            }
            for name, pull in self._puller.under_way.items()
        }
        return {
            # As containerd and CRI-O say it: kubeadm compares the image with the one that it pulls.
            "config": msgspec.json.encode({"sandboxImage": self._pause_image}).decode(),
            "engine": msgspec.json.encode(_as_dict(facts)).decode(),
            "pulls": msgspec.json.encode(pulls).decode(),
        }

    async def config(self) -> cri.RuntimeConfigResponse:
        driver = self._state.require().cgroup_driver
        return cri.RuntimeConfigResponse(
            linux=cri.LinuxRuntimeConfiguration(cgroup_driver=cri.SYSTEMD if driver == "systemd" else cri.CGROUPFS)
        )


def _as_dict(facts: EngineFacts | None) -> dict[str, object]:
    if facts is None:
        return {}
    return {
        "api": f"{facts.api[0]}.{facts.api[1]}",
        "cgroupDriver": facts.cgroup_driver,
        "rootDir": facts.root_dir,
        "storageDriver": facts.storage_driver,
        "runtimes": facts.runtimes,
        "securityOptions": sorted(facts.security_options),
    }


def runtime_handlers(facts: EngineFacts) -> list[cri.RuntimeHandler]:
    """The default handler first, under the empty name, then the engine's runtimes by name."""
    features = cri.RuntimeHandlerFeatures(recursive_read_only_mounts=facts.recursive_read_only, user_namespaces=False)
    names = ["", *(name for name in facts.runtimes if not name.startswith("io.containerd."))]
    return [cri.RuntimeHandler(name=name, features=features) for name in names]
