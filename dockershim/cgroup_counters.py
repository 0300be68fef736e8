"""cAdvisor's samples from the files of one cgroup, v1 or v2, and of /proc. Pure, but for the two readers at the end.

What a kernel does not tell is left out. Units as in `metric_families`: bytes, whole seconds.
"""

import contextlib
import resource
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from cri.cgroup_stats import CgroupStats, parse_flat, parse_number
from dockershim.metric_families import Samples

_NANO, _MICRO, _HERTZ = 1_000_000_000, 1_000_000, 100
"""The kernel tells user and system time in USER_HZ, which is 100 everywhere."""
_V1_FILES = (
    ("cpuacct", "cpuacct.stat"), ("cpu", "cpu.stat"), ("memory", "memory.stat"), ("memory", "memory.failcnt"),
    ("memory", "memory.max_usage_in_bytes"), ("memory", "memory.kmem.usage_in_bytes"), ("memory", "memory.oom_control"),
    ("pids", "pids.max"), ("pids", "pids.current"), ("blkio", "blkio.throttle.io_service_bytes_recursive"),
    ("blkio", "blkio.throttle.io_serviced_recursive"),
)
_V2_FILES = (
    "cpu.stat", "memory.stat", "memory.peak", "memory.events", "pids.max", "pids.current", "io.stat",
)
DeviceName = Callable[[str], str]
"""`8:0` to `/dev/sda`."""


class _Builder:
    def __init__(self) -> None:
        self.samples: Samples = {}

    def put(self, name: str, value: int | None, *extra: str) -> None:
        if value is not None:
            self.samples.setdefault(name, {})[extra] = max(value, 0)


def from_stats(stats: CgroupStats) -> Samples:
    """What the stats RPCs tell too."""
    build = _Builder()
    build.put("container_cpu_usage_seconds_total", None if stats.cpu_ns is None else stats.cpu_ns // _NANO, "total")
    build.put("container_memory_usage_bytes", stats.usage)
    build.put("container_memory_working_set_bytes", stats.working_set)
    build.put("container_memory_rss", stats.rss)
    build.put("container_memory_swap", stats.swap)
    for kind, lines in stats.pressure.items():
        for line, word in (("some", "waiting"), ("full", "stalled")):
            if line in lines:
                build.put(f"container_pressure_{kind}_{word}_seconds_total", lines[line].total_ns // _NANO)
    return build.samples


def from_v1(files: Mapping[str, str | None], device: DeviceName) -> Samples:
    build = _Builder()
    cpu, memory = parse_flat(files.get("cpu.stat")), parse_flat(files.get("memory.stat"))
    times = parse_flat(files.get("cpuacct.stat"))
    for kind in ("user", "system"):
        if kind in times:
            build.put(f"container_cpu_{kind}_seconds_total", times[kind] // _HERTZ)
    if "throttled_time" in cpu:
        _put_throttling(build, cpu, cpu["throttled_time"] // _NANO)
    build.put("container_memory_cache", memory.get("total_cache"))
    build.put("container_memory_mapped_file", memory.get("total_mapped_file"))
    build.put("container_memory_total_active_file_bytes", memory.get("total_active_file"))
    build.put("container_memory_total_inactive_file_bytes", memory.get("total_inactive_file"))
    build.put("container_memory_kernel_usage", parse_number(files.get("memory.kmem.usage_in_bytes")))
    build.put("container_memory_failcnt", parse_number(files.get("memory.failcnt")))
    build.put("container_memory_max_usage_bytes", parse_number(files.get("memory.max_usage_in_bytes")))
    build.put("container_oom_events_total", parse_flat(files.get("memory.oom_control")).get("oom_kill"))
    for scope, prefix in (("container", ""), ("hierarchy", "total_")):
        _put_faults(build, memory, scope, prefix)
    _put_pids(build, files)
    _put_blkio(build, files, device)
    return build.samples


def from_v2(files: Mapping[str, str | None], device: DeviceName) -> Samples:
    build = _Builder()
    cpu, memory = parse_flat(files.get("cpu.stat")), parse_flat(files.get("memory.stat"))
    for kind in ("user", "system"):
        if f"{kind}_usec" in cpu:
            build.put(f"container_cpu_{kind}_seconds_total", cpu[f"{kind}_usec"] // _MICRO)
    if "throttled_usec" in cpu:
        _put_throttling(build, cpu, cpu["throttled_usec"] // _MICRO)
    build.put("container_memory_cache", memory.get("file"))
    build.put("container_memory_mapped_file", memory.get("file_mapped"))
    build.put("container_memory_total_active_file_bytes", memory.get("active_file"))
    build.put("container_memory_total_inactive_file_bytes", memory.get("inactive_file"))
    build.put("container_memory_kernel_usage", memory.get("kernel"))
    build.put("container_memory_max_usage_bytes", parse_number(files.get("memory.peak")))
    events = parse_flat(files.get("memory.events"))
    build.put("container_memory_failcnt", events.get("max"))
    build.put("container_oom_events_total", events.get("oom_kill"))
    for scope in ("container", "hierarchy"):
        _put_faults(build, memory, scope, "")
    _put_pids(build, files)
    for number, values in _io_stat(files.get("io.stat")):
        _put_device(build, device(number), number, values)
    return build.samples


def _put_throttling(build: _Builder, cpu: Mapping[str, int], throttled_seconds: int) -> None:
    """A container without a quota has no periods, and no such metrics, as in cAdvisor."""
    if cpu.get("nr_periods"):
        build.put("container_cpu_cfs_periods_total", cpu["nr_periods"])
        build.put("container_cpu_cfs_throttled_periods_total", cpu.get("nr_throttled", 0))
        build.put("container_cpu_cfs_throttled_seconds_total", throttled_seconds)


def _put_faults(build: _Builder, memory: Mapping[str, int], scope: str, prefix: str) -> None:
    for kind in ("pgfault", "pgmajfault"):
        build.put("container_memory_failures_total", memory.get(prefix + kind), kind, scope)


def _put_pids(build: _Builder, files: Mapping[str, str | None]) -> None:
    build.put("container_threads", parse_number(files.get("pids.current")))
    if files.get("pids.max") is not None:
        build.put("container_threads_max", parse_number(files.get("pids.max")) or 0)


def _put_blkio(build: _Builder, files: Mapping[str, str | None], device: DeviceName) -> None:
    """Lines `8:0 Read 4096` and a last one, `Total 4096`."""
    devices: dict[str, dict[str, int]] = {}
    for file, unit in (
        ("blkio.throttle.io_service_bytes_recursive", "bytes"), ("blkio.throttle.io_serviced_recursive", "ios"),
    ):
        for line in (files.get(file) or "").splitlines():
            fields = line.split()
            if len(fields) == 3 and fields[1] in ("Read", "Write"):
                devices.setdefault(fields[0], {})[fields[1][0].lower() + unit] = int(fields[2])
    for number, values in devices.items():
        _put_device(build, device(number), number, values)


def _io_stat(text: str | None) -> Iterable[tuple[str, dict[str, int]]]:
    """Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 …`."""
    for line in (text or "").splitlines():
        number, *pairs = line.split()
        values = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        yield number, {key: int(value) for key, value in values.items() if value.isdigit()}


def _put_device(build: _Builder, device: str, number: str, values: Mapping[str, int]) -> None:
    for letter, word, operation in (("r", "reads", "Read"), ("w", "writes", "Write")):
        build.put(f"container_fs_{word}_bytes_total", values.get(f"{letter}bytes"), device)
        build.put(f"container_fs_{word}_total", values.get(f"{letter}ios"), device)
        major, _, minor = number.partition(":")
        build.put(
            "container_blkio_device_usage_total", values.get(f"{letter}bytes"), device, major, minor, operation
        )


def network_samples(net_dev: str) -> Samples:
    """/proc/<pid>/net/dev without `lo`: bytes, packets, errors, drops are columns 0-3 and, sent, 8-11."""
    build = _Builder()
    for line in net_dev.splitlines():
        name, colon, rest = line.partition(":")
        fields = rest.split()
        if not colon or name.strip() == "lo" or len(fields) < 12:
            continue
        for offset, way in ((0, "receive"), (8, "transmit")):
            for column, word in enumerate(("bytes", "packets", "errors", "packets_dropped")):
                build.put(f"container_network_{way}_{word}_total", int(fields[offset + column]), name.strip())
    return build.samples


def read(groups: Mapping[str, Path], device: DeviceName) -> Samples:
    """`groups` is `cgroup_files.paths`."""
    hugepages = _hugepages(groups.get("hugetlb") or groups.get(""), is_v2="hugetlb" not in groups)
    if "memory" in groups or "cpuacct" in groups:
        samples = from_v1({name: _read(groups[part] / name) for part, name in _V1_FILES if part in groups}, device)
    elif "" in groups:
        samples = from_v2({name: _read(groups[""] / name) for name in _V2_FILES}, device)
    else:
        return {}
    return {**samples, **hugepages}


def _hugepages(group: Path | None, is_v2: bool) -> Samples:
    """Page sizes are in the names of the files: `hugetlb.2MB.usage_in_bytes`, in v2 `hugetlb.2MB.current`."""
    build = _Builder()
    if group is None:
        return build.samples
    suffix = "current" if is_v2 else "usage_in_bytes"
    for path in group.glob(f"hugetlb.*.{suffix}"):
        size = path.name.removeprefix("hugetlb.").removesuffix(f".{suffix}")
        if "rsvd" in size:
            continue
        build.put("container_hugetlb_usage_bytes", parse_number(_read(path)), size)
        if not is_v2:
            most = parse_number(_read(group / f"hugetlb.{size}.max_usage_in_bytes"))
            build.put("container_hugetlb_max_usage_bytes", most, size)
            build.put("container_hugetlb_failcnt", parse_number(_read(group / f"hugetlb.{size}.failcnt")), size)
        else:
            events = parse_flat(_read(group / f"hugetlb.{size}.events"))
            build.put("container_hugetlb_failcnt", events.get("max"), size)
    return build.samples


def read_processes(group: Path | None, first_pid: int, proc: Path = Path("/proc")) -> Samples:
    """Processes, their open files and sockets, and the limit of open files; one that ends meanwhile is left out."""
    build = _Builder()
    pids = (_read(group / "cgroup.procs") or "").split() if group else []
    files = sockets = 0
    for pid in pids:
        targets = list(_open_files(proc / pid / "fd"))
        files += len(targets)
        sockets += sum(target.startswith("socket:") for target in targets)
    if pids:
        build.put("container_processes", len(pids))
        build.put("container_file_descriptors", files)
        build.put("container_sockets", sockets)
    try:
        soft, _ = resource.prlimit(first_pid, resource.RLIMIT_NOFILE)
    except (OSError, ValueError):
        return build.samples
    if soft != resource.RLIM_INFINITY:
        build.put("container_ulimits_soft", soft, "max_open_files")
    return build.samples


def _open_files(directory: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):  # the process has ended
        for entry in directory.iterdir():
            with contextlib.suppress(OSError):  # the file has been closed
                yield entry.readlink().name


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
