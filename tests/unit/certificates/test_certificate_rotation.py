"""The life of a certificate: first issue, renewal, refusals, changed names, expiry. Time is the event loop's."""

import asyncio
import random
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from cryptography import x509
from signing_cluster import CountedRotations, SigningCluster

from kubelet.apiclient import ForbiddenError, UnauthorizedError, UnreachableError
from kubelet.certificates.manager import CertificateManager, Purpose, watch_validity
from kubelet.certificates.request import node_template, sign
from kubelet.certificates.signing import CLIENT_SIGNER
from kubelet.certificates.store import PairStore, make_pair

pytestmark = pytest.mark.looptime
BEGIN = 1_700_000_000.0
NODE = node_template("worker-1")


def now() -> float:
    return BEGIN + asyncio.get_running_loop().time()


class Rig:
    """A manager beside a cluster that signs; `changes` holds when each new certificate came."""

    def __init__(self, directory, cluster: SigningCluster, *, template=lambda: NODE, initial=None) -> None:
        self.cluster, self.metrics, self.changes = cluster, CountedRotations(), asyncio.Queue()
        self.store = PairStore("kubelet-client", directory)

        async def make(wanted):
            return sign(wanted)

        self.manager = CertificateManager(
            Purpose(CLIENT_SIGNER, template), self.store, cluster.connect, self.metrics, initial=initial,
            on_change=lambda: self.changes.put_nowait(now() - BEGIN), now=now, rng=random.Random(3), make=make)

    @asynccontextmanager
    async def running(self):
        await self.manager.load()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.manager.run())
            yield
            task.cancel()


def initial_pair(cluster: SigningCluster, name: str, life: float = 1000.0):
    made = sign(node_template(name))
    return make_pair(cluster.authority.sign(x509.load_pem_x509_csr(made.request), now(), life), made.key, "kubeconfig")


async def test_the_first_certificate_comes_with_bootstrap_credentials_and_is_renewed_with_itself(tmp_path):
    rig = Rig(tmp_path, SigningCluster(now))
    assert rig.manager.current is None
    async with rig.running():
        first = await rig.changes.get()
        assert rig.manager.current.common_name == "system:node:worker-1"
        assert rig.store.current().pem == rig.manager.pair.pem
        second, third = await rig.changes.get(), await rig.changes.get()
    assert first < 1
    assert 700 <= second - first <= 910
    assert 700 <= third - second <= 910
    assert rig.cluster.connections[0] is None
    assert all(certificate is not None for certificate in rig.cluster.connections[1:])
    assert rig.metrics.failures == 0
    assert rig.metrics.ages == pytest.approx([second - first, third - second], abs=2)


async def test_what_an_earlier_run_left_is_used_until_it_is_due(tmp_path):
    cluster = SigningCluster(now)
    before = Rig(tmp_path, cluster)
    async with before.running():
        await before.changes.get()
    rig = Rig(tmp_path, cluster)
    async with rig.running():
        assert rig.manager.pair == before.manager.pair
        assert 700 <= await rig.changes.get() <= 910


async def test_a_kubeconfigs_own_certificate_is_kept_and_replaced_at_once(tmp_path):
    """kubeadm's first control plane: the kubeconfig carries a certificate for far more than a node may do."""
    cluster = SigningCluster(now)
    rig = Rig(tmp_path, cluster, initial=initial_pair(cluster, "worker-1"))
    await rig.manager.load()
    assert rig.store.current().pem == rig.manager.pair.pem
    async with rig.running():
        assert await rig.changes.get() < 5
        assert len(cluster.created) == 1


async def test_an_expired_certificate_counts_as_none(tmp_path):
    cluster = SigningCluster(now, life=1000)
    rig = Rig(tmp_path, cluster)
    async with rig.running():
        await rig.changes.get()
    assert 0 < rig.manager.ttl_seconds() <= 1000
    await asyncio.sleep(2000)
    assert rig.manager.current is None
    assert rig.manager.ttl_seconds() == float("inf")
    async with rig.running():
        await rig.changes.get()
        assert cluster.connections[-1] is None


async def test_refusals_are_followed_by_further_requests_at_growing_distances(tmp_path):
    moments = []

    def answer(cluster: SigningCluster, name: str) -> None:
        moments.append(now() - BEGIN)
        cluster.deny(name) if len(moments) < 8 else cluster.approve(name)

    rig = Rig(tmp_path, SigningCluster(now, answer=answer))
    async with rig.running():
        await rig.changes.get()
    distances = [later - earlier for earlier, later in pairwise(moments)]
    for distance, wanted in zip(distances, (2, 4, 8, 16, 32, 32, 32), strict=True):
        assert wanted <= distance <= wanted * 1.1 + 0.5
    assert rig.metrics.failures == 7


async def test_a_request_that_nobody_signs_is_replaced_after_a_quarter_of_an_hour(tmp_path):
    moments = []

    def answer(cluster: SigningCluster, name: str) -> None:
        moments.append(now() - BEGIN)
        if len(moments) == 2:
            cluster.approve(name)

    rig = Rig(tmp_path, SigningCluster(now, answer=answer))
    async with rig.running():
        await rig.changes.get()
    assert 900 <= moments[1] - moments[0] <= 905


async def test_changed_names_are_certified_without_delay_also_while_a_request_waits(tmp_path):
    templates = [NODE]
    rig = Rig(tmp_path, SigningCluster(now, answer=lambda *_: None), template=lambda: templates[0])
    async with rig.running():
        await asyncio.sleep(5)
        assert len(rig.cluster.created) == 1
        templates[0] = node_template("renamed")
        rig.cluster.answer = lambda cluster, name: cluster.approve(name)
        assert await rig.changes.get() < 30
        assert rig.manager.current.common_name == "system:node:renamed"
        templates[0] = node_template("again")
        assert await rig.changes.get() < 60
    assert rig.manager.current.common_name == "system:node:again"


async def test_nothing_is_asked_for_while_there_is_nothing_to_certify(tmp_path):
    templates = [None]
    rig = Rig(tmp_path, SigningCluster(now), template=lambda: templates[0])
    async with rig.running():
        await asyncio.sleep(100)
        assert rig.cluster.created == []
        templates[0] = NODE
        assert 100 <= await rig.changes.get() < 103


@pytest.mark.parametrize(("error", "healthy"), [
    (UnauthorizedError(401, "Unauthorized", "Unauthorized"), True),
    (ForbiddenError(403, "Forbidden", "no"), True),
    (UnauthorizedError(0, "ExecPlugin", "no plugin"), False),
    (UnreachableError("refused"), False),
])
async def test_whether_the_server_is_healthy_is_learnt_from_its_answer(tmp_path, error, healthy):
    rig = Rig(tmp_path, SigningCluster(now, refuse=[error]))
    async with rig.running():
        await asyncio.sleep(1)
        assert rig.manager.server_healthy is healthy
        assert rig.manager.current is None
        await rig.changes.get()
        assert rig.manager.server_healthy


async def test_without_a_certificate_for_five_minutes_beside_a_healthy_server_the_agent_ends(tmp_path, caplog):
    rig = Rig(tmp_path, SigningCluster(now))
    rig.manager.server_healthy = False
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch_validity(rig.manager))
        await asyncio.sleep(1000)
        assert not watching.done()
        assert "A restart may be necessary" in caplog.text
        rig.manager.server_healthy = True
        await asyncio.sleep(11)
        assert watching.done()


async def test_a_valid_certificate_keeps_the_agent_running(tmp_path):
    cluster = SigningCluster(now, life=1000)
    rig = Rig(tmp_path, cluster)
    async with rig.running():
        await rig.changes.get()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch_validity(rig.manager))
        await asyncio.sleep(1250)  # expired for four minutes
        assert not watching.done()
        await asyncio.sleep(100)
        assert watching.done()
