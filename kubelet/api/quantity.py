"""Resource quantities: `100m`, `1.5Gi`, `2e3` as exact numbers (apimachinery's pkg/api/resource).

A quantity on the wire is a string or, in hand-written manifests, a bare number. Arithmetic is done on Fractions, so
nothing is ever rounded by accident; whoever needs whole units asks for `value` (rounded up, as upstream does).
"""

import math
import re
from fractions import Fraction

from kubelet.api.types import Quantity

_SUFFIXES = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1),
    "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12), "P": Fraction(10**15),
    "E": Fraction(10**18), "Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30), "Ti": Fraction(2**40),
    "Pi": Fraction(2**50), "Ei": Fraction(2**60),
}
_FORM = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$")


class InvalidQuantityError(ValueError):
    """Text that is no quantity."""


def parse(quantity: Quantity) -> Fraction:
    """The exact amount. Raises InvalidQuantityError with the text."""
    if isinstance(quantity, int):
        return Fraction(quantity)
    match = _FORM.match(str(quantity))
    if not match:
        raise InvalidQuantityError(f"{quantity!r} is not a quantity: write a number and a suffix, like 500m or 64Mi")
    number, exponent, suffix = match.groups()
    factor = Fraction(10) ** int(exponent) if exponent else _SUFFIXES[suffix or ""]
    return Fraction(number) * factor


def value(quantity: Quantity) -> int:
    """Whole units, rounded up: bytes of memory, cores of cpu."""
    return math.ceil(parse(quantity))


def milli_value(quantity: Quantity) -> int:
    """Thousandths, rounded up: millicores."""
    return math.ceil(parse(quantity) * 1000)


def format_bytes(amount: int) -> str:
    """Canonical BinarySI form: 67108864 -> `64Mi`, 1000 -> `1000`."""
    for suffix in ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki"):
        unit = int(_SUFFIXES[suffix])
        if amount and amount % unit == 0:
            return f"{amount // unit}{suffix}"
    return str(amount)


def format_milli(amount: int) -> str:
    """Canonical DecimalSI form of thousandths: 1500 -> `1500m`, 2000 -> `2`."""
    return str(amount // 1000) if amount % 1000 == 0 else f"{amount}m"
