"""Events: what the agent tells people about pods and the node, with the limits that keep the API server well.

    event() ─▶ EventRecorders ─┬▶ LogEventRecorder   log line, and the last ones in memory for `podwright`
                               └▶ ApiEventRecorder   queue ─▶ Correlator ─▶ create or patch

Recording never blocks and never fails: an event that cannot be kept is dropped, and that is logged.
"""

from kubelet.events.correlator import Correlated, Correlator
from kubelet.events.recorder import EventKind, EventRecorder, EventRecorders, LogEventRecorder, RecordedEvent
from kubelet.events.sink import ApiEventRecorder, EventClient

__all__ = [
    "ApiEventRecorder", "Correlated", "Correlator", "EventClient", "EventKind", "EventRecorder", "EventRecorders",
    "LogEventRecorder", "RecordedEvent",
]
