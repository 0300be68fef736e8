"""The pod network of a node, made by CNI plugins."""

from collections.abc import Collection, Sequence
from pathlib import Path

from dockershim.network.model import NetworkResult, NetworkStatus, PodNetwork


class CNINetwork:
    """Sets up, checks and tears down the network of sandboxes by the first valid configuration of `conf_dir`."""

    def __init__(self, conf_dir: Path, bin_dirs: Sequence[Path], cache_dir: Path) -> None:
        self._conf_dir = conf_dir
        self._bin_dirs = tuple(bin_dirs)
        self._cache_dir = cache_dir

    async def start(self) -> None:
        """Load the configuration once; afterwards `status` is true. A directory that is absent is no error."""
        raise NotImplementedError

    async def run(self) -> None:
        """Follow the configuration directory until cancelled; run it in the caller's TaskGroup."""
        raise NotImplementedError

    async def set_up(self, pod: PodNetwork) -> NetworkResult:
        """ADD. On any error, DEL has been run for every plugin before it is raised."""
        raise NotImplementedError

    async def tear_down(self, pod: PodNetwork) -> None:
        """DEL; idempotent, works without `pod.netns` and after the configuration has changed."""
        raise NotImplementedError

    async def check(self, pod: PodNetwork) -> None:
        """CHECK: raise PluginError when the network of the sandbox is not as it was made."""
        raise NotImplementedError

    async def status(self) -> NetworkStatus:
        """Cheap: answers from memory, save where the configuration is of CNI 1.1 and its plugins have STATUS."""
        raise NotImplementedError

    async def addresses(self, pod: PodNetwork) -> tuple[str, ...]:
        """Addresses of the sandbox from the cached result; without one, those in its network namespace."""
        raise NotImplementedError

    async def collect_garbage(self, live_sandbox_ids: Collection[str]) -> None:
        """DEL every attachment in the cache whose sandbox is not in `live_sandbox_ids`, then GC where CNI 1.1 has it."""
        raise NotImplementedError

    def set_pod_cidr(self, cidr: str) -> None:
        """CRI's UpdateRuntimeConfig; plugins with the `ipRanges` capability get it as their ranges."""
        raise NotImplementedError
