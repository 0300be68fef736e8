"""Why a pod is not what it should be: one answer from what the rooms know, without asking anybody anything.

    pod + status + worker + events + node health + last words ─▶ findings (gravest first) ─▶ Explanation

The first finding is the answer: what the pod waits for, since when, the last error, the next retry, what to do.
Findings of the node (runtime gone, network not ready) come before the pod's own, because they explain them.
Pure: times are Unix seconds and `now` is given. Waiting reasons: the kubelet contract, section 1.5.

`facts` has the words of the question and of the answer, `advice` what to do about which error, `containers`, `pod`
and `node` find what is wrong in each, `answer` puts it together.
"""

from kubelet.explain.answer import explain
from kubelet.explain.facts import (
    EventView,
    Explanation,
    Finding,
    ManifestProblem,
    NodeHealth,
    PullView,
    RoomView,
    StepView,
    VolumeView,
    WorkerView,
)

__all__ = (
    "EventView", "Explanation", "Finding", "ManifestProblem", "NodeHealth", "PullView", "RoomView", "StepView",
    "VolumeView", "WorkerView", "explain",
)  # fmt: skip
