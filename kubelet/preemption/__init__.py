"""Room for critical pods: which pods have to go (plan) and their ends (preemptor)."""

from kubelet.preemption.plan import CannotMakeRoomError, Preemption, plan_preemption
from kubelet.preemption.preemptor import Preemptor

__all__ = ["CannotMakeRoomError", "Preemption", "Preemptor", "plan_preemption"]
