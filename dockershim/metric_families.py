"""The metric families of ListMetricDescriptors: cAdvisor's names and labels, in a table.

The kubelet turns them into /metrics/cadvisor when it takes its stats from CRI (KEP-2371), so names, label keys and
types are cAdvisor's (its metrics/prometheus.go), and dashboards do not see who measured. CRI carries integers only:
what cAdvisor tells in fractions of seconds is told in whole ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cri.v1 import api_pb2 as cri

BASE_LABELS = ("container", "id", "image", "name", "namespace", "pod")
_COUNTER, _GAUGE = cri.COUNTER, cri.GAUGE

Samples = dict[str, dict[tuple[str, ...], int]]
"""Family name to values by their extra labels; the empty tuple where the family has none."""


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    help: str
    kind: cri.MetricType.ValueType = _GAUGE
    extra_labels: tuple[str, ...] = ()
    """Beyond `BASE_LABELS`, in the order of a sample's label values."""

    def descriptor(self) -> cri.MetricDescriptor:
        return cri.MetricDescriptor(name=self.name, help=self.help, label_keys=[*BASE_LABELS, *self.extra_labels])


_DEVICE, _INTERFACE = ("device",), ("interface",)

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("container_last_seen", "When the container was measured, in seconds since the epoch."),
        Family("container_start_time_seconds", "When the container was started, in seconds since the epoch."),
        Family("container_cpu_usage_seconds_total", "CPU time used, in seconds.", _COUNTER, ("cpu",)),
        Family("container_cpu_user_seconds_total", "CPU time used in user mode, in seconds.", _COUNTER),
        Family("container_cpu_system_seconds_total", "CPU time used in the kernel, in seconds.", _COUNTER),
        Family("container_cpu_cfs_periods_total", "Enforcement periods of the CPU quota.", _COUNTER),
        Family("container_cpu_cfs_throttled_periods_total", "Periods in which the quota was used up.", _COUNTER),
        Family("container_cpu_cfs_throttled_seconds_total", "Time spent throttled, in seconds.", _COUNTER),
        Family("container_memory_usage_bytes", "Memory in use, page cache included."),
        Family("container_memory_working_set_bytes", "Memory in use less file pages not used lately."),
        Family("container_memory_max_usage_bytes", "The most memory that was ever in use."),
        Family("container_memory_rss", "Anonymous memory in bytes."),
        Family("container_memory_cache", "Page cache in bytes."),
        Family("container_memory_mapped_file", "Memory-mapped files in bytes."),
        Family("container_memory_swap", "Swap in use in bytes."),
        Family("container_memory_kernel_usage", "Memory that the kernel uses for the container, in bytes."),
        Family("container_memory_total_active_file_bytes", "File pages used lately, in bytes."),
        Family("container_memory_total_inactive_file_bytes", "File pages not used lately, in bytes."),
        Family("container_memory_failcnt", "How often the memory limit was hit.", _COUNTER),
        Family("container_memory_failures_total", "Page faults by type.", _COUNTER, ("failure_type", "scope")),
        Family("container_oom_events_total", "Processes killed for lack of memory.", _COUNTER),
        Family("container_hugetlb_usage_bytes", "Huge pages in use, in bytes.", _GAUGE, ("pagesize",)),
        Family("container_hugetlb_max_usage_bytes", "The most huge pages ever in use.", _GAUGE, ("pagesize",)),
        Family("container_hugetlb_failcnt", "How often the limit of huge pages was hit.", _COUNTER, ("pagesize",)),
        Family("container_processes", "Processes in the container."),
        Family("container_threads", "Threads in the container."),
        Family("container_threads_max", "Threads that the container may have; 0 is any number."),
        Family("container_file_descriptors", "Open file descriptors of all its processes."),
        Family("container_sockets", "Open sockets of all its processes."),
        Family("container_ulimits_soft", "Soft limits of its first process; -1 cannot be told.", _GAUGE, ("ulimit",)),
        Family("container_spec_cpu_period", "CPU quota's period in microseconds."),
        Family("container_spec_cpu_quota", "CPU quota in microseconds per period."),
        Family("container_spec_cpu_shares", "CPU shares."),
        Family("container_spec_memory_limit_bytes", "Memory limit; 0 is none."),
        Family("container_spec_memory_swap_limit_bytes", "Limit of memory and swap together; 0 is none."),
        Family("container_spec_memory_reservation_limit_bytes", "Memory reservation; 0 is none."),
        Family("container_fs_usage_bytes", "Bytes in the writable layer.", _GAUGE, _DEVICE),
        Family("container_fs_limit_bytes", "Size of the file system that the layer is on.", _GAUGE, _DEVICE),
        Family("container_fs_inodes_total", "Inodes of the file system that the layer is on.", _GAUGE, _DEVICE),
        Family("container_fs_inodes_free", "Free inodes of the file system.", _GAUGE, _DEVICE),
        Family("container_fs_reads_bytes_total", "Bytes read from the device.", _COUNTER, _DEVICE),
        Family("container_fs_reads_total", "Reads from the device.", _COUNTER, _DEVICE),
        Family("container_fs_writes_bytes_total", "Bytes written to the device.", _COUNTER, _DEVICE),
        Family("container_fs_writes_total", "Writes to the device.", _COUNTER, _DEVICE),
        Family(
            "container_blkio_device_usage_total", "Bytes moved per device and operation.", _COUNTER,
            ("device", "major", "minor", "operation"),
        ),
        Family("container_network_receive_bytes_total", "Bytes received.", _COUNTER, _INTERFACE),
        Family("container_network_receive_packets_total", "Packets received.", _COUNTER, _INTERFACE),
        Family("container_network_receive_packets_dropped_total", "Packets dropped on receipt.", _COUNTER, _INTERFACE),
        Family("container_network_receive_errors_total", "Errors on receipt.", _COUNTER, _INTERFACE),
        Family("container_network_transmit_bytes_total", "Bytes sent.", _COUNTER, _INTERFACE),
        Family("container_network_transmit_packets_total", "Packets sent.", _COUNTER, _INTERFACE),
        Family("container_network_transmit_packets_dropped_total", "Packets dropped on sending.", _COUNTER, _INTERFACE),
        Family("container_network_transmit_errors_total", "Errors on sending.", _COUNTER, _INTERFACE),
        Family("container_pressure_cpu_waiting_seconds_total", "Time that some task waited for CPU.", _COUNTER),
        Family("container_pressure_cpu_stalled_seconds_total", "Time that all tasks waited for CPU.", _COUNTER),
        Family("container_pressure_memory_waiting_seconds_total", "Time that some task waited for memory.", _COUNTER),
        Family("container_pressure_memory_stalled_seconds_total", "Time that all tasks waited for memory.", _COUNTER),
        Family("container_pressure_io_waiting_seconds_total", "Time that some task waited for I/O.", _COUNTER),
        Family("container_pressure_io_stalled_seconds_total", "Time that all tasks waited for I/O.", _COUNTER),
    )
}


def to_metrics(samples: Samples, base_labels: tuple[str, ...]) -> list[cri.Metric]:
    """`base_labels` are the values of `BASE_LABELS`. A timestamp of 0 says "measured just now"."""
    return [
        cri.Metric(
            name=name,
            metric_type=FAMILIES[name].kind,
            label_values=[*base_labels, *extra],
            value=cri.UInt64Value(value=value),
        )
        for name, values in samples.items()
        for extra, value in values.items()
    ]
