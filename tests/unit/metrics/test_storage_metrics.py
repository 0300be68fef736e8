"""Volumes and logs in metrics, as a scraper reads them."""

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from kubelet.metrics import KubeletMetrics, PodCounts, expose
from kubelet.metrics.storage import DiskFigures, PodFigures, StorageOperations, TotalVolumes, VolumesNow

FIGURES = {"capacityBytes": 100, "availableBytes": 60, "usedBytes": 40, "inodes": 10, "inodesFree": 7, "inodesUsed": 3,
           "time": "2026-01-01T00:00:00Z"}


def samples(text: bytes, name: str) -> list[tuple[dict[str, str], float]]:
    return [(sample.labels, sample.value) for family in text_string_to_metric_families(text.decode())
            for sample in family.samples if sample.name == name]


def test_operations_are_timed_by_plugin_and_outcome() -> None:
    registry = CollectorRegistry(auto_describe=False)
    operations = StorageOperations(registry)
    operations("kubernetes.io/secret", "volume_mount", 0.2, failed=True)
    operations("kubernetes.io/secret", "volume_mount", 0.3, failed=False)
    operations.done("kubernetes.io/secret", "volume_mount", 1.5)
    text = expose(registry)
    labels = {"volume_plugin": "kubernetes.io/secret", "operation_name": "volume_mount", "migrated": "false"}
    assert samples(text, "storage_operation_duration_seconds_sum") == [
        ({**labels, "status": "fail-unknown"}, 0.2), ({**labels, "status": "success"}, 0.3)]
    assert samples(text, "volume_operation_total_seconds_count") == [
        ({"plugin_name": "kubernetes.io/secret", "operation_name": "volume_mount"}, 1)]


def test_volumes_are_counted_as_they_are_and_as_they_are_to_be() -> None:
    text = expose(TotalVolumes(lambda: VolumesNow(["a", "a", "b"], ["a"])))
    assert samples(text, "volume_manager_total_volumes") == [
        ({"plugin_name": "a", "state": "actual_state_of_world"}, 2),
        ({"plugin_name": "b", "state": "actual_state_of_world"}, 1),
        ({"plugin_name": "a", "state": "desired_state_of_world"}, 1)]


def test_claims_are_told_once_however_many_pods_share_them() -> None:
    pods = [PodFigures("default", f"web-{number}", f"u{number}", {"data": FIGURES}, {"c": number}) for number in (1, 2)]
    text = expose(DiskFigures(lambda: pods))
    claim = {"namespace": "default", "persistentvolumeclaim": "data"}
    assert {name: samples(text, f"kubelet_volume_stats_{name}") for name in (
        "capacity_bytes", "available_bytes", "used_bytes", "inodes", "inodes_free", "inodes_used")} == {
        "capacity_bytes": [(claim, 100)], "available_bytes": [(claim, 60)], "used_bytes": [(claim, 40)],
        "inodes": [(claim, 10)], "inodes_free": [(claim, 7)], "inodes_used": [(claim, 3)]}
    assert samples(text, "kubelet_container_log_filesystem_used_bytes") == [
        ({"uid": f"u{number}", "namespace": "default", "pod": f"web-{number}", "container": "c"}, number)
        for number in (1, 2)]


def test_workers_and_gates() -> None:
    metrics = KubeletMetrics()
    metrics.count_at_scrape(lambda: PodCounts(working=((("sync", "desired", "true"), 2),)))
    metrics.set_features({"NodeSwap": (True, ""), "EnvFiles": (False, "BETA")})
    assert samples(metrics.expose(), "kubelet_working_pods") == [
        ({"lifecycle": "sync", "config": "desired", "static": "true"}, 2)]
    assert samples(metrics.expose(), "kubernetes_feature_enabled") == [
        ({"name": "NodeSwap", "stage": ""}, 1), ({"name": "EnvFiles", "stage": "BETA"}, 0)]
