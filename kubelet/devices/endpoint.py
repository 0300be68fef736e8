"""The life of a resource's endpoint, as a table.

                 CONNECTED             DISCONNECTED          GRACE_OVER
      ABSENT ──────────────▶ RUNNING ──────────────▶ STOPPED ──────────▶ ABSENT
         │                      ▲                       ▲ │
         │ RESTORED             └───────────────────────┼─┘ CONNECTED
         └──────────────────────────────────────────────┘

A stopped endpoint keeps its resource in the node's capacity, with nothing of it to be had, for GRACE_SECONDS: a plugin
that is restarted must not look like one that was taken away. What only the checkpoint tells of is stopped at the start.
Source: pkg/kubelet/cm/devicemanager/endpoint.go, types.go.
"""

from enum import Enum

GRACE_SECONDS = 300.0
"""endpointStopGracePeriod."""


class EndpointState(Enum):
    ABSENT = "absent"
    RUNNING = "running"
    STOPPED = "stopped"

    @property
    def can_be_called(self) -> bool:
        return self is EndpointState.RUNNING


class EndpointEvent(Enum):
    RESTORED = "restored"
    """The checkpoint tells of the resource."""
    CONNECTED = "connected"
    """A plugin has registered and said its options; it may take the place of another."""
    DISCONNECTED = "disconnected"
    """The stream of its devices has ended."""
    GRACE_OVER = "grace over"


_S, _E = EndpointState, EndpointEvent
TABLE: dict[tuple[EndpointState, EndpointEvent], EndpointState] = {
    (_S.ABSENT, _E.RESTORED): _S.STOPPED,
    (_S.ABSENT, _E.CONNECTED): _S.RUNNING,
    (_S.ABSENT, _E.DISCONNECTED): _S.ABSENT,
    (_S.ABSENT, _E.GRACE_OVER): _S.ABSENT,
    (_S.RUNNING, _E.RESTORED): _S.RUNNING,
    (_S.RUNNING, _E.CONNECTED): _S.RUNNING,
    (_S.RUNNING, _E.DISCONNECTED): _S.STOPPED,
    (_S.RUNNING, _E.GRACE_OVER): _S.RUNNING,
    (_S.STOPPED, _E.RESTORED): _S.STOPPED,
    (_S.STOPPED, _E.CONNECTED): _S.RUNNING,
    (_S.STOPPED, _E.DISCONNECTED): _S.STOPPED,
    (_S.STOPPED, _E.GRACE_OVER): _S.ABSENT,
}
