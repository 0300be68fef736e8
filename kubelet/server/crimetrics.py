"""/metrics/cadvisor out of CRI's metrics of pods (KEP-2371): the runtime has measured, with cAdvisor's names.

What is told is checked before it is shown: families without a description and samples with more or fewer values than
their family has labels are left out.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from cri.errors import UnimplementedError
from cri.v1 import api_pb2 as cri
from kubelet.cgroups import CgroupError, CgroupTree, detect_tree
from kubelet.server import cgroup_seconds
from kubelet.server.view import StatsRuntime

logger = logging.getLogger(__name__)

Seconds = Mapping[str, Mapping[str, float]]
"""Precise values by cgroup and family."""
_TYPES = {cri.COUNTER: "counter", cri.GAUGE: "gauge"}
_ID = "id"


class RuntimeMetrics(Collector):
    """What the runtime told; `seconds` replaces its whole ones."""

    def __init__(
        self, descriptors: Iterable[cri.MetricDescriptor], pods: Sequence[cri.PodSandboxMetrics],
        seconds: Seconds | None = None,
    ) -> None:
        self._labels = {found.name: tuple(found.label_keys) for found in descriptors}
        self._help = {found.name: found.help for found in descriptors}
        self._pods, self._seconds = pods, seconds or {}

    def describe(self) -> Iterable[Metric]:
        return []

    def cgroups(self) -> set[str]:
        """Paths of those that samples are about."""
        return {labels.get(_ID, "") for _, labels in self._samples()}

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for sample, labels in self._samples():
            family = families.setdefault(sample.name, Metric(
                sample.name, self._help[sample.name], _TYPES.get(sample.metric_type, "gauge")))
            precise = self._seconds.get(labels.get(_ID, ""), {}).get(sample.name)
            at = sample.timestamp / 1e9 if sample.timestamp else None
            family.add_sample(sample.name, labels, sample.value.value if precise is None else precise, timestamp=at)
        return families.values()

    def _samples(self) -> Iterable[tuple[cri.Metric, dict[str, str]]]:
        for pod in self._pods:
            for samples in (pod.metrics, *(container.metrics for container in pod.container_metrics)):
                for sample in samples:
                    keys = self._labels.get(sample.name)
                    if keys is not None and len(keys) == len(sample.label_values):
                        yield sample, dict(zip(keys, sample.label_values, strict=True))


async def runtime_metrics(runtime: StatsRuntime, tree: CgroupTree | None = None) -> RuntimeMetrics | None:
    """None from a runtime without them. Raises CriError. `tree`: this machine's own by default."""
    try:
        descriptors = (await runtime.ListMetricDescriptors(cri.ListMetricDescriptorsRequest())).descriptors
        pods = (await runtime.ListPodSandboxMetrics(cri.ListPodSandboxMetricsRequest())).pod_metrics
    except UnimplementedError:
        return None
    if not descriptors:
        return None
    whole = RuntimeMetrics(descriptors, pods)
    return RuntimeMetrics(descriptors, pods, await asyncio.to_thread(_precise, whole, tree))


def _precise(metrics: RuntimeMetrics, tree: CgroupTree | None) -> Seconds:
    try:
        return cgroup_seconds.read(tree or detect_tree(), metrics.cgroups())
    except CgroupError as error:
        logger.debug("CPU times are told in whole seconds reason=%s", error)
        return {}
