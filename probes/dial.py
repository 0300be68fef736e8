"""TCP connections for probes: SO_LINGER of one second, so that thousands of probes leave few TIME_WAITs behind.

With SO_LINGER, closing blocks until the peer has acknowledged the FIN, a second at worst, even on a non-blocking
socket. So `release` leaves the last close to a thread. Error texts are Go's, as users and their tools know them from
probe events.
"""

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import struct

_LINGER = struct.pack("ii", 1, 1)

_GO_TEXTS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset by peer",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network is unreachable",
    errno.ETIMEDOUT: "connection timed out",
    errno.EPIPE: "broken pipe",
}


class DialError(Exception):
    """No connection; the text names the address and the cause."""


def join_host_port(host: str, port: int) -> str:
    """host:port, with brackets around an IPv6 address (net.JoinHostPort)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def go_error(error: OSError) -> str:
    number = error.errno or 0
    return _GO_TEXTS.get(number) or (os.strerror(number).lower() if number > 0 else str(error))


async def dial(host: str, port: int) -> socket.socket:
    """A connected, non-blocking socket. Raises DialError; the caller bounds the time."""
    address = join_host_port(host, port)
    failure = DialError(f"dial tcp {address}: no addresses")
    for family, endpoint in await _resolve(host, port):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
            await asyncio.get_running_loop().sock_connect(connection, endpoint)
        except OSError as error:
            connection.close()  # not connected: nothing to linger for
            failure = DialError(f"dial tcp {address}: connect: {go_error(error)}")
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise failure


async def _resolve(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    """(family, endpoint) per address; an IP address, the usual case, costs no thread."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        pass
    else:
        return [(socket.AF_INET if version == 4 else socket.AF_INET6, (host, port))]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise DialError(f"dial tcp: lookup {host}: no such host") from error
    return [(family, (str(endpoint[0]), int(endpoint[1]))) for family, _, _, _, endpoint in found]


async def release(connection: socket.socket) -> None:
    """Close where lingering cannot hold up the event loop."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    loop = asyncio.get_running_loop()
    try:
        await asyncio.sleep(0)  # lets a transport that holds a duplicate close it first
    finally:
        closed = loop.run_in_executor(None, connection.close)
    await closed
