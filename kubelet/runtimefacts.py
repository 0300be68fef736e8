"""What the container runtime says of itself, asked once it answers and again whenever it was away.

Nothing waits for the runtime at start: the agent serves, registers and reports NotReady until it is there.
"""

import asyncio
import logging

from cri.client import RuntimeClient
from cri.errors import CriError, UnimplementedError
from cri.v1 import api_pb2 as cri

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class RuntimeFacts:
    """`name` and `version` are empty and `cgroup_driver` None until the runtime answered; `known` is set then."""

    def __init__(self, runtime: RuntimeClient) -> None:
        self._runtime = runtime
        self.known = asyncio.Event()
        self.name = ""
        self.version = ""
        self.cgroup_driver: str | None = None
        """`systemd` or `cgroupfs`; None: the runtime does not say, the configuration counts (KEP-4033)."""
        self.last_error = ""
        self._complained_about = ""

    async def learn(self) -> None:
        """Ask until there is an answer; one line in the log per distinct error."""
        while True:
            try:
                version, self.cgroup_driver = await asyncio.gather(
                    self._runtime.Version(cri.VersionRequest()), self._cgroup_driver()
                )
            except CriError as error:
                self._complain(error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self.name, self.version, self.last_error = version.runtime_name, version.runtime_version, ""
            logger.info("Container runtime answers name=%s version=%s cgroup_driver=%s",
                        self.name, self.version, self.cgroup_driver or "as configured")
            self.known.set()
            return

    def _complain(self, error: CriError) -> None:
        """One line per kind of failure: the transport words the same one in many ways."""
        message = f"the container runtime does not answer on {self._runtime.endpoint}: {error}"
        if type(error).__name__ != self._complained_about:
            logger.warning("%s; is it running, and is --container-runtime-endpoint right?", message)
        self._complained_about, self.last_error = type(error).__name__, message

    async def _cgroup_driver(self) -> str | None:
        try:
            response = await self._runtime.RuntimeConfig(cri.RuntimeConfigRequest())
        except UnimplementedError:
            return None
        return "systemd" if response.linux.cgroup_driver == cri.SYSTEMD else "cgroupfs"
