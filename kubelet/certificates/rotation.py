"""When a certificate is replaced: after 70 to 90 % of its life, or at once when it no longer says what it should.

Pure. The share of its life is drawn per certificate, so that nodes that were made together do not come together for
new ones. Source: client-go/util/certificate/certificate_manager.go.
"""

from dataclasses import dataclass

from kubelet.certificates.request import Template
from kubelet.certificates.x509 import Certificate

EARLIEST_SHARE, LATEST_SHARE = 0.7, 0.9


@dataclass(frozen=True, slots=True)
class Due:
    """When to ask for a new certificate (Unix seconds), and why."""

    at: float
    reason: str


def rotation_due(current: Certificate | None, template: Template, now: float, share: float) -> Due:
    """`share`, from 0 to 1, places the moment between the earliest and the latest."""
    if current is None:
        return Due(now, "there is no certificate yet")
    if missing := shortcoming(current, template):
        return Due(now, missing)
    life = current.not_after - current.not_before
    return Due(
        current.not_before + life * (EARLIEST_SHARE + share * (LATEST_SHARE - EARLIEST_SHARE)),
        "it nears its end",
    )


def shortcoming(current: Certificate, template: Template) -> str:
    """What `template` asks for and the certificate does not say; empty when nothing is missing. More than is asked
    for does not matter."""
    if current.common_name != template.common_name:
        return f"it names {current.common_name!r} instead of {template.common_name!r}"
    for what, wanted, held in (
        ("the group", template.organizations, current.organizations),
        ("the DNS name", template.dns_names, current.dns_names),
        ("the address", template.ip_addresses, current.ip_addresses),
    ):
        missing = sorted(set(wanted) - set(held))
        if missing:
            return f"it lacks {what} {', '.join(missing)}"
    return ""
