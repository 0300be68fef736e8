"""Which images may go: pure.

    images, what uses them, the disk, the policy, the time  ─▶  [Decision], in the order of removal

Two causes: too old (maxAge, counted from when this agent began to watch), and too little space (above the high
threshold, down to the low one). The longest unused image goes first. Never: in use by a container or by a volume,
wanted by a pod of this node, pinned by the runtime, protected by configuration, or younger than minAge.

Source: pkg/kubelet/images/image_gc_manager.go. Beyond upstream: images that pods wait for, protection, and the reason
of each image that stays (kubernetes#109936, #71869).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from nodegc.plan import Decision, Kind, Plan, go_duration


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the runtime. `names` are its tags and digests."""

    id: str
    size: int
    names: tuple[str, ...] = ()
    pinned: bool = False
    runtime_handler: str = ""

    def answers_to(self, references: Collection[str]) -> bool:
        return self.id in references or any(name in references for name in self.names)

    @property
    def title(self) -> str:
        return self.names[0] if self.names else self.id


@dataclass(frozen=True, slots=True)
class Sighting:
    """Unix seconds. `last_used` is 0 when it was never seen in use."""

    first_detected: float
    last_used: float = 0.0


Ledger = Mapping[str, Sighting]
"""By image id; kept from one collection to the next."""


@dataclass(frozen=True, slots=True)
class ImagePolicy:
    """Percentages of the image file system's capacity; ages in seconds, `max_age` 0 = off."""

    high_percent: int = 85
    low_percent: int = 80
    min_age: float = 120.0
    max_age: float = 0.0
    protect: tuple[str, ...] = ()
    """Shell patterns of image names that are never collected."""
    only: frozenset[str] | None = None
    """If given: ids or names of the only images that may be collected (those that the kubelet pulled)."""

    @property
    def enabled(self) -> bool:
        return self.high_percent < 100 or self.max_age > 0


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that holds images, in bytes."""

    capacity: int
    available: int

    @property
    def used_percent(self) -> int:
        return 100 - min(self.available, self.capacity) * 100 // self.capacity if self.capacity else 0

    def wanted_bytes(self, policy: ImagePolicy) -> int:
        """How much has to be freed so that usage is at the low threshold; 0 or less: nothing."""
        return self.capacity * (100 - policy.low_percent) // 100 - min(self.available, self.capacity)


@dataclass(frozen=True, slots=True)
class Use:
    """What images are used for, each by any of an image's names or its id."""

    containers: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    pods: frozenset[str] = frozenset()
    """Named by pods of this node, whose containers may not have been created yet."""


def detect(ledger: Ledger, images: Iterable[Image], use: Use, now: float) -> dict[str, Sighting]:
    """The ledger after a look: new images are noted, used ones stamped, images that have gone forgotten."""
    after: dict[str, Sighting] = {}
    for image in images:
        seen = ledger.get(image.id) or Sighting(first_detected=now)
        used = any(image.answers_to(references) for references in (use.containers, use.volumes, use.pods))
        after[image.id] = replace(seen, last_used=now) if used else seen
    return after


def plan_images(
    images: Iterable[Image], ledger: Ledger, use: Use, policy: ImagePolicy, now: float, *,
    watching_since: float, free_bytes: int,
) -> Plan:
    """`free_bytes`: how much space is wanted; 0: none. Images outside the ledger count as detected now."""
    candidates: list[tuple[Sighting, Image]] = []
    kept: list[Decision] = []
    for image in images:
        seen = ledger.get(image.id) or Sighting(first_detected=now)
        if reason := why_untouchable(image, use, policy):
            kept.append(_decision(image, False, reason))
        else:
            candidates.append((seen, image))
    candidates.sort(key=lambda pair: (pair[0].last_used, pair[0].first_detected, pair[1].id))
    decisions: list[Decision] = []
    freed = 0
    old_enough_to_tell = policy.max_age > 0 and now - watching_since > policy.max_age
    for seen, image in candidates:
        unused, age = now - seen.last_used, now - seen.first_detected
        if old_enough_to_tell and unused > policy.max_age:
            reason = f"age: not used for longer than imageMaximumGCAge {go_duration(policy.max_age)}"
            decisions.append(_decision(image, True, reason))
        elif freed >= free_bytes:
            reason = "enough is freed without it" if free_bytes > 0 else "there is enough space"
            decisions.append(_decision(image, False, reason))
        elif age < policy.min_age:
            reason = f"younger than imageMinimumGCAge {go_duration(policy.min_age)}: seen for {go_duration(age)}"
            decisions.append(_decision(image, False, reason))
        else:
            freed += image.size
            since = f"not used for {go_duration(unused)}" if seen.last_used else "never seen in use"
            decisions.append(_decision(image, True, f"space: {since}"))
    return (*decisions, *kept)


def why_untouchable(image: Image, use: Use, policy: ImagePolicy) -> str:
    """Empty when the image may be collected."""
    if image.answers_to(use.containers):
        return "in use by a container"
    if image.answers_to(use.volumes):
        return "in use by an image volume"
    if image.answers_to(use.pods):
        return "wanted by a pod of this node"
    if image.pinned:
        return "pinned by the runtime"
    for pattern in policy.protect:
        if any(fnmatchcase(name, pattern) for name in (image.id, *image.names)):
            return f"protected by {pattern!r}"
    if policy.only is not None and not image.answers_to(policy.only):
        return "not pulled by the kubelet"
    return ""


def _decision(image: Image, remove: bool, reason: str) -> Decision:
    return Decision(Kind.IMAGE, image.id, remove, reason, image.title, image.size)


def format_size(size: int) -> str:
    """As the FreeDiskSpaceFailed event writes sizes."""
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"


def shortfall_message(disk: Disk, freed: int) -> str:
    """The text of FreeDiskSpaceFailed."""
    return (
        f"Insufficient free disk space on the node's image filesystem ({disk.used_percent}% of "
        f"{format_size(disk.capacity)} used). Failed to free sufficient space by deleting unused images "
        f"(freed {freed} bytes). Investigate disk usage, as it could be used by active images, logs, volumes, "
        "or other data."
    )
