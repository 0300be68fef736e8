"""The answers of /healthz (apiserver/pkg/server/healthz/healthz.go): pure, from the checks' results to status and text.

A check's result is the reason of its failure, "" when it passes. Reasons are for those who may see a single check;
the list of all names the check only.
"""

from collections.abc import Mapping, Sequence


def healthz_answer(
    checks: Mapping[str, str], *, excluded: Sequence[str] = (), verbose: bool = False
) -> tuple[int, str]:
    """(HTTP status, body) of `/healthz`."""
    lines, failed = [], False
    for name, error in checks.items():
        if name in excluded:
            lines.append(f"[+]{name} excluded: ok")
        elif error:
            lines.append(f"[-]{name} failed: reason withheld")
            failed = True
        else:
            lines.append(f"[+]{name} ok")
    unknown = sorted({name for name in excluded if name not in checks})
    if unknown:
        quoted = ",".join(f'"{name}"' for name in unknown)
        lines.append(f"warn: some health checks cannot be excluded: no matches for {quoted}")
    if failed:
        return 500, "\n".join([*lines, "healthz check failed", ""])
    return 200, "\n".join([*lines, "healthz check passed", ""]) if verbose else "ok"


def check_answer(checks: Mapping[str, str], name: str) -> tuple[int, str] | None:
    """(HTTP status, body) of `/healthz/<name>`; None when there is no such check."""
    error = checks.get(name)
    if error is None:
        return None
    return (500, f"internal server error: {error}\n") if error else (200, "ok")
