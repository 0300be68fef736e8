class CgroupError(Exception):
    """A cgroup cannot be made, written or removed; `str(error)` names it and says why."""
