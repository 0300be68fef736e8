"""The kernel's words about processes that it killed for want of memory, out of its log. Pure.

    6,1234,5678,-;dockerd invoked oom-killer: gfp_mask=0x…                    ─▶ a report begins
    6,1235,5679,-;oom-kill:constraint=…,oom_memcg=/a,task_memcg=/a/b,task=…    whose cgroup, since Linux 5.0
    6,1236,5680,-;Task in /a/b killed as a result of limit of /a               … and before
    3,1237,5681,-;Killed process 4711 (java) total-vm:…                       ─▶ the report is complete

A machine that runs out of memory as a whole names no cgroup (`global_oom`), whoever the victim is. Sources:
Documentation/ABI/testing/dev-kmsg of the kernel, cadvisor/utils/oomparser.
"""

import re
from dataclasses import dataclass

ROOT = "/"
_BEGIN = "invoked oom-killer:"
_CGROUP = re.compile(r"oom-kill:constraint=.*,oom_memcg=.*,task_memcg=(.*),task=.*,pid=.*,uid=.*")
_CGROUP_BEFORE_5 = re.compile(r"Task in (.*) killed as a result of limit of ")
_KILLED = re.compile(r"Killed process ([0-9]+) \((.+)\)")


@dataclass(frozen=True, slots=True)
class OomKill:
    """`cgroup`: of the victim where its own limit, or that of a cgroup above it, was the cause; else the root."""

    cgroup: str
    process: str
    pid: int


class OomReader:
    """One for the whole log: reports take several records, other records may stand between them."""

    def __init__(self) -> None:
        self._cgroup: str | None = None

    def feed(self, record: str) -> OomKill | None:
        """One record as /dev/kmsg gives it; the kill that it completes the report of."""
        message = record.partition(";")[2].partition("\n")[0]
        if _BEGIN in message:
            self._cgroup = ROOT
            return None
        if self._cgroup is None:
            return None
        if (found := _CGROUP.search(message) or _CGROUP_BEFORE_5.search(message)) is not None:
            self._cgroup = found[1]
        elif (found := _KILLED.search(message)) is not None:
            kill = OomKill(self._cgroup, found[2], int(found[1]))
            self._cgroup = None
            return kill
        return None
