"""The exec probe: exit code 0 is a success; a command that exceeds its time is killed by the runtime and is a failure.

Anything else that goes wrong is no word about the container: it is an error, and tried again (pkg/probe/exec).
"""

import math
from collections.abc import Awaitable, Sequence
from typing import Protocol

from cri.errors import CriError, DeadlineExceededError
from cri.v1 import api_pb2 as cri
from probes.spec import OUTPUT_LIMIT, Answer, Outcome, go_seconds


class ExecRuntime(Protocol):
    """cri.client.RuntimeClient is one."""

    def ExecSync(self, request: cri.ExecSyncRequest, /) -> Awaitable[cri.ExecSyncResponse]: ...


async def probe_exec(runtime: ExecRuntime, container_id: str, command: Sequence[str], timeout: float) -> Answer:
    request = cri.ExecSyncRequest(container_id=container_id, cmd=command, timeout=math.ceil(timeout))
    try:
        response = await runtime.ExecSync(request)
    except DeadlineExceededError:
        text = f'command timed out: "{" ".join(command)}" timed out after {go_seconds(timeout)}'
        return Answer(Outcome.FAILURE, text, timed_out=True)
    except CriError as error:
        return Answer(Outcome.UNKNOWN, error=error.as_status)
    output = (response.stdout + response.stderr)[:OUTPUT_LIMIT].decode(errors="replace")
    return Answer(Outcome.SUCCESS if response.exit_code == 0 else Outcome.FAILURE, output)
