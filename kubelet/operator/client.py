"""Asking a running agent over its Unix socket. Standard library only: the CLI has to start at once."""

import http.client
import json
import socket
from typing import Any
from urllib.parse import quote

DEFAULT_SOCKET = "/var/lib/kubelet/podwright.sock"


class AskError(Exception):
    """The question got no answer; the message is for the operator: what, where, what to do."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(socket_path: str, question: str, pod: str = "", timeout: float = 10.0) -> dict[str, Any]:
    """The agent's answer to `question` (status, pods, explain, timeline, config). Raises AskError."""
    target = f"/v1/{question}?pod={quote(pod, safe='')}" if pod else f"/v1/{question}"
    connection = _UnixConnection(socket_path, timeout)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        body = response.read()
    except FileNotFoundError:
        raise AskError(f"no agent is running here: {socket_path} does not exist. Start the kubelet, or name its "
                       "socket with --socket=<root-dir>/podwright.sock") from None
    except ConnectionRefusedError:
        raise AskError(f"the agent behind {socket_path} has ended: start the kubelet again") from None
    except PermissionError:
        raise AskError(f"{socket_path} may only be used by root: try again with sudo") from None
    except TimeoutError:
        raise AskError(f"the agent behind {socket_path} did not answer within {timeout:g} s: look at its log") from None
    except (OSError, http.client.HTTPException) as error:
        raise AskError(f"asking {socket_path} failed: {error}") from None
    finally:
        connection.close()
    return _answer(socket_path, response.status, body)


def _answer(socket_path: str, status: int, body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise AskError(f"{socket_path} is not an agent's socket: it answered {status} with something that is not JSON")
    if status != 200:
        raise AskError(str(answer.get("error", f"the agent answered {status}")))
    return answer
