"""Why a spec does not pass where it does not: what the engine cannot do, and what the machine lacks.

The page that `report` writes says these, and the test of tests/node holds every other spec to passing. A row says
what a spec is to do: `skipped` by itself, as the runtime says that it lacks the feature, or `failed`.
"""

import re
from dataclasses import dataclass

OURS = ("20.10", "29", "29-containerd")


@dataclass(frozen=True, slots=True)
class Reason:
    """`pattern` finds the specs by name, `sides` are names of `node.SIDES`."""

    pattern: str
    sides: tuple[str, ...]
    state: str
    text: str


REASONS = (
    Reason(
        r"\] AppArmor ", (*OURS, "containerd"), "skipped", "needs a kernel with AppArmor; the machine has none",
    ),
    Reason(
        r" Container Mount Readonly .*(support recursive readonly|should reject a recursive)", ("20.10",), "skipped",
        "recursive read-only mounts need Engine 25",
    ),
    Reason(r"\] Image Volume ", ("20.10",), "skipped", "image volumes need Engine 28"),
    Reason(r" UserNamespaces ", OURS, "skipped", "the engine has one mapping of users for all containers"),
    Reason(
        r" UserNamespaces .*runtime should support NamespaceMode_POD$", ("containerd",), "failed",
        "the machine does not let a user namespace mount /proc",
    ),
    Reason(
        r"^\[k8s\.io\] Streaming .* \(WebSocket\)$", ("containerd",), "failed",
        "containerd's streaming server does not know the protocols that today's clients ask for over WebSocket",
    ),
    Reason(r"\] Image Volume .*image digest in ContainerStatus", ("containerd",), "skipped", "not told by containerd"),
)  # fmt: skip


def reason(name: str, side: str) -> Reason | None:
    """The row for a spec on a side, or None if it has to pass there."""
    return next((row for row in REASONS if side in row.sides and re.search(row.pattern, name)), None)
