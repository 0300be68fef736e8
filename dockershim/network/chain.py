"""A list of plugins run as one: ADD forwards, each seeing the result of the one before; DEL backwards, all of it.

Source: CNI specification 1.1 section 3 (execution protocol); a result without a version is taken as one of the list's,
as libcni does.
"""

import logging
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dockershim.network.conf import NetworkConf, PluginConf, in_version
from dockershim.network.errors import NetworkConfigError, PluginError
from dockershim.network.invocation import (
    Attachment,
    Invocation,
    Verb,
    build,
    build_version,
    parse_outcome,
    supported_versions,
)
from dockershim.network.plugin_process import find_plugin, run_plugin

logger = logging.getLogger(__name__)

_PREV_RESULT_ON_DEL = (0, 4, 0)
_CHECK_SINCE = (0, 4, 0)
_STATUS_AND_GC_SINCE = (1, 1, 0)
_VERB_SECONDS = {Verb.VERSION: 10.0, Verb.STATUS: 10.0, Verb.CHECK: 20.0, Verb.GC: 30.0}
"""At most, for verbs that are answered from memory or that others wait for."""
_UNSUPPORTED_VERB = frozenset({1, 4})
"""Error codes of a plugin that does not know a verb of the version it claims: incompatible version, bad environment."""


class AddFailedError(Exception):
    """A chained ADD stopped: `cause` says why, `last_result` is what the plugins before had made."""

    def __init__(self, cause: BaseException, last_result: Mapping[str, Any] | None) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.last_result = last_result


class PluginChain:
    def __init__(self, bin_dirs: Sequence[Path], deadline_seconds: float) -> None:
        self._bin_dirs = tuple(bin_dirs)
        self._cni_path = os.pathsep.join(map(str, bin_dirs))
        self._deadline_seconds = deadline_seconds
        self._versions: dict[tuple[str, int, int], tuple[str, ...]] = {}

    async def add(self, network: NetworkConf, attachment: Attachment) -> dict[str, Any]:
        """The last plugin's result. AddFailedError also for cancellation: what was made has to be taken down."""
        result: dict[str, Any] | None = None
        try:
            for plugin in network.plugins:
                invocation = build(Verb.ADD, network, plugin, attachment, self._cni_path, prev_result=result)
                result = await self._run(invocation)
                if not result.get("cniVersion"):
                    result["cniVersion"] = network.cni_version
        except BaseException as error:
            raise AddFailedError(error, result) from error
        if result is None:
            raise ValueError(f"network {network.name} has no plugins")
        return result

    async def delete(
        self, network: NetworkConf, attachment: Attachment, prev_result: Mapping[str, Any] | None
    ) -> None:
        """Every plugin is asked, also after one has failed; then the first failure is raised, naming the others."""
        if not network.at_least(_PREV_RESULT_ON_DEL):
            prev_result = None
        failures: list[PluginError] = []
        for plugin in reversed(network.plugins):
            invocation = build(Verb.DEL, network, plugin, attachment, self._cni_path, prev_result=prev_result)
            try:
                await self._run(invocation)
            except PluginError as error:
                failures.append(error)
        _raise_first(failures)

    async def check(self, network: NetworkConf, attachment: Attachment, prev_result: Mapping[str, Any]) -> None:
        """Nothing to ask before 0.4.0 or where the list turns it off."""
        if network.disable_check or not network.at_least(_CHECK_SINCE):
            return
        for plugin in network.plugins:
            await self._run(build(Verb.CHECK, network, plugin, attachment, self._cni_path, prev_result=prev_result))

    async def status(self, network: NetworkConf) -> None:
        """PluginError of the first plugin that cannot take an ADD now; nothing to ask before 1.1."""
        if network.at_least(_STATUS_AND_GC_SINCE):
            for plugin in network.plugins:
                await self._run_if_known(build(Verb.STATUS, network, plugin, None, self._cni_path))

    async def collect_garbage(self, network: NetworkConf, valid: Collection[Attachment]) -> None:
        """Tell the plugins which attachments are alive; they drop what they hold for others. Every plugin is asked,
        also after one has failed; then the first failure is raised, naming the others."""
        if not self.collects_garbage(network):
            return
        attachments = [{"containerID": item.container_id, "ifname": item.ifname} for item in valid]
        extra = {"cni.dev/valid-attachments": attachments, "cni.dev/attachments": attachments}
        failures: list[PluginError] = []
        for plugin in network.plugins:
            try:
                await self._run_if_known(build(Verb.GC, network, plugin, None, self._cni_path, extra=extra))
            except PluginError as error:
                failures.append(error)
        _raise_first(failures)

    def collects_garbage(self, network: NetworkConf) -> bool:
        return not network.disable_gc and network.at_least(_STATUS_AND_GC_SINCE)

    async def agree(self, network: NetworkConf) -> NetworkConf:
        """The network in the newest of its versions that all its plugins speak.

        NetworkConfigError when there is none, or when a plugin is missing."""
        common = network.offered
        for index, plugin in enumerate(network.plugins):
            where = f"plugins[{index}].type"
            executable = find_plugin(plugin.type, self._bin_dirs)
            if executable is None:
                problem = f"no executable {plugin.type!r} in {self._cni_path}"
                raise NetworkConfigError(network.path, where, problem)
            try:
                versions = await self._supported_versions(plugin, executable, network.cni_version)
            except PluginError as error:
                raise NetworkConfigError(network.path, where, str(error)) from error
            spoken = tuple(version for version in common if version in versions)
            if not spoken:
                problem = f"{executable} speaks CNI {', '.join(versions)}, not {' or '.join(common)}"
                raise NetworkConfigError(network.path, where, problem)
            common = spoken
        return in_version(network, common[0])

    async def _supported_versions(self, plugin: PluginConf, executable: Path, cni_version: str) -> tuple[str, ...]:
        stat = executable.stat()  # noqa: ASYNC240 (one stat, as cheap as asking a thread for it)
        key = (str(executable), stat.st_mtime_ns, stat.st_size)
        if key not in self._versions:
            answer = await self._run(build_version(plugin.type, cni_version, self._cni_path))
            self._versions[key] = supported_versions(answer)
        return self._versions[key]

    async def _run_if_known(self, invocation: Invocation) -> None:
        try:
            await self._run(invocation)
        except PluginError as error:
            if error.cni_code not in _UNSUPPORTED_VERB:
                raise

    async def _run(self, invocation: Invocation) -> dict[str, Any]:
        executable = find_plugin(invocation.plugin, self._bin_dirs)
        if executable is None:
            problem = f"no executable {invocation.plugin!r} in {self._cni_path}"
            raise PluginError(invocation.plugin, invocation.verb.value, invocation.sandbox_id, problem)
        seconds = min(self._deadline_seconds, _VERB_SECONDS.get(invocation.verb, self._deadline_seconds))
        outcome = await run_plugin(invocation, executable, seconds)
        return parse_outcome(invocation, outcome)


def _raise_first(failures: Sequence[PluginError]) -> None:
    if failures:
        for other in failures[1:]:
            failures[0].add_note(str(other))
        raise failures[0]
