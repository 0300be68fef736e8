"""The ids of the host that the kubelet may give to pods: those of the user `kubelet` in /etc/subuid and /etc/subgid, or
all but the first block where there is no such user. Runs `getsubids`, which may ask a directory service; blocking."""

import pwd
import shutil
import subprocess
from dataclasses import dataclass

USER = "kubelet"
UNIT = 65536
TIMEOUT_SECONDS = 30.0


class SubidsError(Exception):
    """The kubelet's ids cannot be told, or do not suit; one line for the operator."""


@dataclass(frozen=True, slots=True)
class IdRange:
    first: int
    length: int


def parse_getsubids(text: str) -> IdRange:
    """`0: kubelet 65536 2147483648`; one range, in one line. Raises SubidsError."""
    lines = text.strip().splitlines()
    fields = lines[0].split() if len(lines) == 1 else []
    if len(fields) != 4 or fields[0] != "0:" or fields[1] != USER or not (fields[2] + fields[3]).isdigit():
        raise SubidsError(f"getsubids should answer one range, like `0: {USER} 65536 7208960`, but said {text!r}")
    return IdRange(int(fields[2]), int(fields[3]))


def checked(found: IdRange, per_pod: int, max_pods: int) -> IdRange:
    """Raises SubidsError, with upstream's texts, for a range that pods cannot be given blocks of."""
    if found.first % per_pod:
        raise SubidsError(f"kubelet user assigned ID {found.first} is not a multiple of {per_pod}")
    if found.first < per_pod:
        raise SubidsError(f"kubelet user assigned ID {found.first} must be greater or equal to {per_pod}")
    if found.length % per_pod:
        raise SubidsError(f"kubelet user assigned IDs length {found.length} is not a multiple of {per_pod}")
    if found.length // per_pod < max_pods:
        raise SubidsError(f"kubelet user assigned IDs are not enough to support {max_pods} pods")
    return found


def kubelet_ids(per_pod: int = UNIT) -> IdRange:
    """Raises SubidsError. A user that is there without ids is an error: the service that knows them may be away."""
    everything = IdRange(per_pod, (1 << 32) - per_pod)
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return everything
    program = shutil.which("getsubids")
    if program is None:
        return everything
    users, groups = (_ask(program, *flags) for flags in ((), ("-g",)))
    if users != groups:
        raise SubidsError(f'mismatched subuids and subgids for user "{USER}"')
    return parse_getsubids(users)


def _ask(program: str, *flags: str) -> str:
    try:
        return subprocess.run(
            [program, *flags, USER], check=True, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise SubidsError(f'error retrieving additional ids for user "{USER}": {error}') from None
