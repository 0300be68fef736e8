"""Exec, Attach and PortForward: the CRI gives out a URL with a token, this server serves what it stands for.

    CRI Exec ─▶ tokens ─▶ http://127.0.0.1:port/exec/TOKEN          (single use, one minute)
    GET/POST ─▶ server ─▶ SPDY or WebSocket ─▶ remote: exec, attach ─▶ the engine's raw streams
                                            └▶ portforward ─▶ a socket made inside the pod's network namespace

Bound to loopback: the token is all the authentication there is, and the kubelet, which asked for it, is local.
"""

from dockershim.streaming.server import StreamingServer

__all__ = ["StreamingServer"]
