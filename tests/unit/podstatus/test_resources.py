"""Requests, limits, QoS: the cases of the API's own documentation, and that sums never fall below a part."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podstatus_builders import container, pod, sidecar

from kubelet.api.types import PodStatus, ResourceRequirements
from kubelet.resources import canonical, pod_limits, pod_requests, qos_class, write


def asks(name, requests=None, limits=None, make=container):
    return make(name, resources=ResourceRequirements(requests=requests or {}, limits=limits or {}))


@pytest.mark.parametrize(("quantity", "expected"), [
    ("0.5", "500m"), ("1024Mi", "1Gi"), ("1000M", "1G"), (2, "2"), ("100m", "100m"), ("1.5Gi", "1536Mi"),
    ("0.5Ki", "512"), ("1e3", "1e3"), ("1E", "1E"), ("0", "0"), ("1500m", "1500m"), ("2000m", "2"), (0.25, "250m"),
    ("12e6", "12e6"), ("1Ki", "1Ki"),
])
def test_canonical(quantity, expected):
    assert canonical(quantity) == expected


def test_requests_sum_over_containers_and_sidecars_with_the_peak_of_init_containers():
    of = pod(
        asks("a", {"cpu": "1"}), asks("b", {"cpu": "500m", "memory": "1Gi"}),
        init=(asks("i1", {"cpu": "3"}), asks("s", {"cpu": "1"}, make=sidecar), asks("i2", {"memory": "2Gi"})),
        overhead={"cpu": "250m"},
    )
    assert pod_requests(of) == {"cpu": Fraction(13, 4), "memory": 2 * 2**30}
    assert pod_requests(of, overhead=False)["cpu"] == 3


def test_pod_level_values_replace_sums():
    of = pod(asks("a", {"cpu": "1", "example.com/x": "2"}), resources=ResourceRequirements(
        requests={"cpu": "4"}, limits={"memory": "1Gi"}
    ))
    assert pod_requests(of) == {"cpu": 4, "example.com/x": 2}
    assert pod_limits(of) == {"memory": 2**30}


def test_overhead_is_added_to_existing_limits_only():
    of = pod(asks("a", limits={"cpu": "1"}), overhead={"cpu": "250m", "memory": "64Mi"})
    assert write(pod_limits(of)) == {"cpu": "1250m"}


def test_sums_are_written_as_the_api_server_gives_them_back():
    of = pod(asks("a", {"cpu": "3m", "memory": "10m"}), asks("b", {"cpu": "1m"}))
    assert write(pod_requests(of)) == {"cpu": "4m", "memory": "10m"}


BOTH = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(("of", "expected"), [
    (pod(), "BestEffort"),
    (pod(asks("a", {"example.com/x": "1"})), "BestEffort"),
    (pod(asks("a", {"cpu": "0"})), "BestEffort"),
    (pod(asks("a", {"cpu": "1"})), "Burstable"),
    (pod(asks("a", BOTH, BOTH)), "Guaranteed"),
    (pod(asks("a", BOTH, BOTH), asks("b")), "Burstable"),
    (pod(asks("a", BOTH, BOTH), init=(asks("i", {"cpu": "1"}),)), "Burstable"),
    (pod(asks("a", {"cpu": "500m", "memory": "1Gi"}, BOTH)), "Burstable"),
    (pod(asks("a", limits={"cpu": "1"})), "Burstable"),
    (pod(asks("a"), resources=ResourceRequirements(requests=BOTH, limits=BOTH)), "Guaranteed"),
    (pod(asks("a", BOTH, BOTH), resources=ResourceRequirements(requests=BOTH)), "Burstable"),
    (pod(asks("a", BOTH, BOTH), status=PodStatus(qos_class="Burstable")), "Burstable"),
])
def test_qos_class(of, expected):
    assert qos_class(of) == expected


cpus = st.integers(0, 8000).map(lambda milli: {"cpu": f"{milli}m"})


@given(st.lists(cpus, min_size=1, max_size=4), st.lists(st.tuples(st.booleans(), cpus), max_size=4))
def test_a_pod_asks_for_no_less_than_any_moment_of_its_life(regular, init):
    of = pod(
        *(asks(f"c{index}", cpu) for index, cpu in enumerate(regular)),
        init=tuple(
            asks(f"i{index}", cpu, make=sidecar if side else container) for index, (side, cpu) in enumerate(init)
        ),
    )
    total = pod_requests(of)["cpu"]
    sidecars = Fraction(0)
    for side, cpu in init:
        amount = Fraction(int(cpu["cpu"][:-1]), 1000)
        assert total >= sidecars + amount
        sidecars += amount if side else 0
    assert total >= sidecars + sum(Fraction(int(cpu["cpu"][:-1]), 1000) for cpu in regular)
