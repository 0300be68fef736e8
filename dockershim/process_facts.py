"""What /proc says of a container's first process and the engine's API does not. /proc is memory, not disk.

Both facts are read once, while it runs, and kept for when it is gone.
"""

from pathlib import Path

from dockershim.records import JSON, ContainerRecord, ProcessUser

PROC = Path("/proc")


def user(inspect: JSON, known: ContainerRecord | None, proc: Path = PROC) -> ProcessUser | None:
    """Numeric ids of the first process; of one that ended before anybody looked, what it was asked to run as."""
    if known is not None and known.status.HasField("user"):
        linux = known.status.user.linux
        return ProcessUser(linux.uid, linux.gid, tuple(linux.supplemental_groups))
    pid = int(inspect["State"].get("Pid") or 0)
    text = _read(proc / str(pid) / "status") if pid else ""
    if not text:
        return _configured_user(inspect)
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return ProcessUser(
        int(fields["Uid"].split()[1]), int(fields["Gid"].split()[1]), tuple(map(int, fields["Groups"].split()))
    )


def _configured_user(inspect: JSON) -> ProcessUser | None:
    """Ids that the configuration gives as numbers; None for names, which only the image's files could resolve, and for
    containers that never ran."""
    state = inspect["State"]
    if state.get("Status") == "created" and not state.get("ExitCode"):
        return None  # one that could not be started stays created, too, but has an exit code
    uid, _, gid = str(inspect["Config"].get("User") or "0").partition(":")
    if not uid.isdigit() or (gid and not gid.isdigit()):
        return None
    group = int(gid or 0)
    extra = [int(item) for item in inspect["HostConfig"].get("GroupAdd") or () if str(item).isdigit()]
    return ProcessUser(int(uid), group, tuple(sorted({group, *extra})))


def upper_dir(inspect: JSON, known: ContainerRecord | None, proc: Path = PROC) -> str:
    """Host directory of the writable layer; empty where nobody tells.

    Graph drivers say it in the inspect. With containerd's image store (the default of Engine 29) the engine does not
    know it, but the kernel does: it is an option of the mount that the process has as its root, or, for a runtime
    with a kernel of its own, of the mount that the engine has made for the container.
    """
    told = str(((inspect.get("GraphDriver") or {}).get("Data") or {}).get("UpperDir") or "")
    told = told or (known.upper_dir if known else "")
    if told:
        return told
    pid = int(inspect["State"].get("Pid") or 0)
    if not pid:
        return ""
    return overlay_upper(_read(proc / str(pid) / "mountinfo"), "/") or overlay_upper(
        _read(proc / "self/mountinfo"), f"/{inspect['Id']}"
    )


def overlay_upper(mountinfo: str, mount_point_ends_with: str) -> str:
    """`upperdir` of the overlay there; mountinfo's fields are in proc_pid_mountinfo(5), spaces are written `\\040`."""
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(" - ")
        fields, behind = before.split(), after.split()
        if not dash or len(fields) < 5 or len(behind) < 3 or behind[0] != "overlay":
            continue
        mount_point = fields[4]
        if mount_point == mount_point_ends_with or (
            mount_point_ends_with != "/" and mount_point.endswith(mount_point_ends_with)
        ):
            options = dict(option.partition("=")[::2] for option in behind[2].split(","))
            return options.get("upperdir", "").replace("\\040", " ")
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
