"""Go's durations (`1h30m`, `300ms`, `0s`) as seconds."""

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


class Duration(float):
    """Seconds; a class of its own so that config decoding knows it from a number."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Reads `[-+]1h2m3.5s` or a bare 0 (time.ParseDuration). Raises ValueError."""
        sign = -1.0 if text.startswith("-") else 1.0
        rest = text[1:] if text[:1] in ("-", "+") else text
        if rest == "0":
            return cls(0)
        total, at = 0.0, 0
        while at < len(rest):
            part = _PART.match(rest, at)
            if part is None:
                break
            total += float(part.group(1)) * _UNITS[part.group(2)]
            at = part.end()
        if not rest or at < len(rest):
            raise ValueError(f"{text!r} is not a duration; write a number and a unit, like 30s, 5m or 1h30m")
        return cls(sign * round(total, 9))

    def __str__(self) -> str:
        """As Go writes it: `1m0s`, `1h30m0s`, `300ms`, `0s`."""
        if not self:
            return "0s"
        sign, seconds = ("-", -float(self)) if self < 0 else ("", float(self))
        if seconds < 1:
            for unit, name in ((1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")):
                if seconds >= unit:
                    return f"{sign}{_number(seconds / unit)}{name}"
        hours, rest = divmod(round(seconds, 9), 3600)
        minutes, rest = divmod(rest, 60)
        text = f"{_number(rest)}s"
        if hours or minutes:
            text = f"{int(minutes)}m{text}"
        return f"{sign}{int(hours)}h{text}" if hours else sign + text

    def __repr__(self) -> str:
        return f"Duration({str(self)!r})"


def _number(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".")
