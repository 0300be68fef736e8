"""One probe worker as a state machine: its phase, when to probe next, what an answer changes.

                   RUNS (a container id not seen before; from any phase but STOPPED)
                    │
                    ▼          DELAY_OVER          OPENS              HOLDS
    ABSENT      DELAYED ──────────────▶ GATED ───────────▶ ACTIVE ───────────▶ HELD
                    │                     │                  │
                    └───────── EXITS ─────┴──────────────────┴──▶ DOWN
    any phase ── STOPS ──▶ STOPPED

DELAYED waits for initialDelaySeconds, GATED for the startup probe of the same container (never for a startup probe
itself). HELD follows a failed liveness probe and the end of a startup probe, until there is a new container: probing a
container that is being stopped can do harm (kubernetes#21751, #117153). Pure: no clock, no tasks; times are seconds on
the caller's clock.

Timing. The first attempt is due as soon as ACTIVE is reached, later ones on the grid of that moment plus n periods: a
late or slow attempt does not shift those after it; what was missed is made up for once, at once, as by a Go ticker.
Attempts that upstream would not have made are free: their success counts, their failure is forgotten. Free are the
attempt in the first moment of a container without initial delay (upstream's comes up to a period later), and the quick
ones between the first two of the grid, for readiness and startup probes over the network that have not succeeded yet.
So ready is noticed early, and no threshold of failures is reached sooner than users have computed.

Source: pkg/kubelet/prober/worker.go.
"""

import math
from dataclasses import dataclass
from enum import Enum

from probes.spec import INITIAL_VERDICT, ExecHandler, ProbeKind, ProbeSpec, Verdict


class Phase(Enum):
    ABSENT = "absent"
    DELAYED = "delayed"
    GATED = "gated"
    ACTIVE = "active"
    HELD = "held"
    DOWN = "down"
    STOPPED = "stopped"


class Input(Enum):
    RUNS = "runs"
    EXITS = "exits"
    DELAY_OVER = "delay over"
    OPENS = "opens"
    HOLDS = "holds"
    STOPS = "stops"


_COMMON: dict[Input, Phase] = {Input.RUNS: Phase.DELAYED, Input.EXITS: Phase.DOWN, Input.STOPS: Phase.STOPPED}

TRANSITIONS: dict[tuple[Phase, Input], Phase] = {
    **{(phase, event): target for phase in Phase if phase is not Phase.STOPPED for event, target in _COMMON.items()},
    (Phase.HELD, Input.EXITS): Phase.HELD,
    (Phase.DELAYED, Input.DELAY_OVER): Phase.GATED,
    (Phase.GATED, Input.OPENS): Phase.ACTIVE,
    (Phase.ACTIVE, Input.HOLDS): Phase.HELD,
}
"""Pairs that are not in the table change nothing."""

QUICK_ATTEMPTS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Seconds after the first attempt; those beyond the second attempt of the grid are left out."""
_FIRST_MOMENT_SECONDS = 1.0


@dataclass(slots=True)
class ProbeMachine:
    """The state of one (container name, probe kind). `verdict` is None while nothing can be said of `container_id`."""

    spec: ProbeSpec
    phase: Phase = Phase.ABSENT
    container_id: str = ""
    verdict: Verdict | None = None
    run: int = 0
    """How many times in a row the last outcome came."""
    last: bool | None = None
    probe_from: float = 0.0
    """When the initial delay is over."""
    _grid: float = 0.0
    _tick: int = 0
    _quick: int = 0
    _quick_over: bool = False
    _first_is_free: bool = False

    def _apply(self, event: Input) -> bool:
        target = TRANSITIONS.get((self.phase, event), self.phase)
        changed, self.phase = target is not self.phase, target
        return changed

    # --- what happens to the container ---

    def runs(self, container_id: str, probe_from: float, known: Verdict | None) -> None:
        """A new container. `known` is what was known of it before this agent started, None for a fresh one."""
        if self.phase is Phase.STOPPED:
            return
        self._apply(Input.RUNS)
        self.container_id, self.probe_from = container_id, probe_from
        self.verdict = known or INITIAL_VERDICT[self.spec.kind]
        self.run, self.last = 0, None
        self._quick_over = known is Verdict.SUCCESS
        if known is not None and self._holds(known):
            self.phase = Phase.HELD

    def exits(self) -> None:
        if self._apply(Input.EXITS):
            self.verdict = Verdict.FAILURE

    def stops(self) -> None:
        """No more attempts, and a good verdict: a pod that ends shall end quietly."""
        if self._apply(Input.STOPS):
            self.verdict = Verdict.SUCCESS

    def advance(self, now: float, gate_open: bool, first_delay: float = 0.0) -> None:
        """Take the steps for which only time or the gate was missing; `first_delay` puts the first attempt off."""
        if self.phase is Phase.DELAYED and now >= self.probe_from:
            self._apply(Input.DELAY_OVER)
        if self.phase is Phase.GATED and (gate_open or self.spec.kind is ProbeKind.STARTUP):
            self._apply(Input.OPENS)
            self._grid, self._tick, self._quick = now + first_delay, 0, 0
            self._first_is_free = self.spec.initial_delay == 0 and now < self.probe_from + _FIRST_MOMENT_SECONDS

    # --- attempts ---

    @property
    def due(self) -> float | None:
        """When the next thing is to be done: the end of the delay, or an attempt. None: nothing by itself."""
        if self.phase is Phase.DELAYED:
            return self.probe_from
        if self.phase is not Phase.ACTIVE:
            return None
        quick = self._next_quick()
        return self._next_grid if quick is None else min(quick, self._next_grid)

    @property
    def _next_grid(self) -> float:
        return self._grid + self._tick * self.spec.period

    def _next_quick(self) -> float | None:
        eager = self.spec.kind is not ProbeKind.LIVENESS and not isinstance(self.spec.handler, ExecHandler)
        if not eager or self._quick_over or self._tick != 1 or self._quick >= len(QUICK_ATTEMPTS):
            return None
        return self._grid + QUICK_ATTEMPTS[self._quick]

    def begin_attempt(self, now: float) -> bool:
        """Note that an attempt begins; returns whether its failure counts."""
        if now >= self._next_grid:
            free = self._first_is_free and self._tick == 0
            self._tick = max(self._tick, math.floor((now - self._grid) / self.spec.period)) + 1
            return not free
        while (quick := self._next_quick()) is not None and quick <= now:
            self._quick += 1
        return False

    def catch_up(self, now: float) -> None:
        """An attempt is over: if it took longer than to the next tick, one tick is made up for at once."""
        missed = math.floor((now - self._grid) / self.spec.period)
        self._tick = max(self._tick, missed)
        while (quick := self._next_quick()) is not None and quick <= now:
            self._quick += 1

    def concluded(self, success: bool, counts: bool = True) -> bool:
        """One attempt's outcome; returns whether the verdict changed. A failure that does not count is forgotten."""
        if self.phase is not Phase.ACTIVE or (not success and not counts):
            return False
        self._quick_over = self._quick_over or success
        self.run = self.run + 1 if self.last is success else 1
        self.last = success
        threshold = self.spec.success_threshold if success else self.spec.failure_threshold
        if self.run < threshold:
            return False
        verdict = Verdict.SUCCESS if success else Verdict.FAILURE
        changed, self.verdict = verdict is not self.verdict, verdict
        if self._holds(verdict):
            self._apply(Input.HOLDS)
            self.run = 0
        return changed

    def _holds(self, verdict: Verdict) -> bool:
        """Whether nothing more is to be found out about this container."""
        match self.spec.kind:
            case ProbeKind.LIVENESS:
                return verdict is Verdict.FAILURE
            case ProbeKind.STARTUP:
                return verdict is not Verdict.UNKNOWN
            case ProbeKind.READINESS:
                return False
