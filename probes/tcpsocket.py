"""The TCP probe: a connection that opens is a success (pkg/probe/tcp)."""

import asyncio

from probes.dial import DialError, dial, join_host_port, release
from probes.spec import Answer, Outcome


async def probe_tcp(host: str, port: int, timeout: float) -> Answer:
    try:
        async with asyncio.timeout(timeout):
            connection = await dial(host, port)
    except DialError as error:
        return Answer(Outcome.FAILURE, str(error))
    except TimeoutError:
        return Answer(Outcome.FAILURE, f"dial tcp {join_host_port(host, port)}: i/o timeout", timed_out=True)
    await release(connection)
    return Answer(Outcome.SUCCESS)
