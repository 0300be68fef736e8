"""From configuration to servers."""

from pathlib import Path

import pytest
from msgspec.structs import replace as with_fields

from kubelet.agentparts import rotation_policy
from kubelet.config import KubeletConfiguration, KubeletFlags
from kubelet.config.types import Authentication, Authorization, WebhookAuthentication, X509Authentication
from kubelet.logs.rotation import RotationPolicy
from kubelet.metrics import KubeletMetrics
from kubelet.server.assembly import make_authenticator, make_authorizer, make_server, tls_settings
from kubelet.server.authentication import UnauthenticatedError
from kubelet.server.authorization import AlwaysAllow, AlwaysDeny, SubjectAccessReviews
from kubelet.server.tls import TLSError

CONFIG = KubeletConfiguration()


class NoApi:
    async def create(self, path, body, cls):
        raise AssertionError("not to be asked")


@pytest.mark.parametrize(("mode", "client", "kind"), [
    ("AlwaysAllow", None, AlwaysAllow), ("Webhook", NoApi(), SubjectAccessReviews), ("Webhook", None, AlwaysDeny),
])
def test_authorizers(mode, client, kind):
    assert isinstance(make_authorizer(with_fields(CONFIG, authorization=Authorization(mode=mode)), client), kind)


async def test_tokens_are_not_reviewed_when_the_webhook_is_off():
    config = with_fields(CONFIG, authentication=Authentication(webhook=WebhookAuthentication(enabled=False)))
    with pytest.raises(UnauthenticatedError):
        await make_authenticator(config, NoApi()).authenticate(None, "Bearer x")


def test_serving_files_configured_then_rotated_then_our_own(tmp_path, authority):
    flags = KubeletFlags(cert_dir=str(tmp_path / "pki"))
    own = tls_settings(CONFIG, flags, "node-1", ["10.0.0.5"])
    assert own.cert_file == tmp_path / "pki" / "kubelet.crt" and own.cert_file.exists()
    bootstrap = with_fields(CONFIG, server_tls_bootstrap=True)
    issued = tls_settings(bootstrap, flags, "node-1", [])
    assert (issued.cert_file, issued.issued_file) == (None, tmp_path / "pki" / "kubelet-server-current.pem")
    configured = with_fields(
        CONFIG, tls_cert_file="/x.crt", tls_private_key_file="/x.key",
        authentication=Authentication(x509=X509Authentication(client_ca_file="/ca.crt")))
    files = tls_settings(configured, flags, "node-1", [])
    assert (files.cert_file, files.key_file, files.client_ca_file) == (Path("/x.crt"), Path("/x.key"), "/ca.crt")


def test_rotation_policy():
    assert rotation_policy(CONFIG) == RotationPolicy(10 * 1024 * 1024, 5)


async def test_a_server_of_the_default_configuration_starts_and_refuses_strangers(tmp_path, node, runtime):
    import asyncio
    import ssl

    import aiohttp

    flags = KubeletFlags(cert_dir=str(tmp_path), root_dir=str(tmp_path))
    config = with_fields(CONFIG, address="127.0.0.1", port=0, healthz_port=0)
    server = await make_server(
        config, flags, node_name="node-1", hostname="node-1", addresses=["127.0.0.1"], node=node, health=node,
        shown=node, metrics=KubeletMetrics("node-1"), runtime=runtime, images=runtime, api=None)
    trust = ssl.create_default_context(cafile=str(tmp_path / "kubelet.crt"))
    async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as session:
        task = group.create_task(server.run())
        await server.started.wait()
        async with session.get(f"https://127.0.0.1:{server.bound_ports['main']}/pods", ssl=trust) as response:
            assert (response.status, await response.text()) == (401, "Unauthorized")
        task.cancel()


async def test_switched_off_servers_need_no_certificate(tmp_path, node, runtime):
    import asyncio

    config = with_fields(CONFIG, enable_server=False, healthz_port=0, read_only_port=1, tls_cert_file="/absent")
    server = await make_server(
        config, KubeletFlags(cert_dir=str(tmp_path)), node_name="n", hostname="n", addresses=[], node=node, health=node,
        shown=node, metrics=KubeletMetrics(), runtime=runtime, images=runtime, api=None)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(server.run())
        await server.started.wait()
        assert server.bound_ports == {}
        task.cancel()


async def test_files_that_do_not_exist_are_one_clear_error(tmp_path, node, runtime):
    config = with_fields(CONFIG, tls_cert_file="/absent.crt", tls_private_key_file="/absent.key")
    with pytest.raises(TLSError, match=r"tlsCertFile.*/absent\.crt does not exist"):
        await make_server(
            config, KubeletFlags(cert_dir=str(tmp_path)), node_name="n", hostname="n", addresses=[], node=node,
            health=node, shown=node, metrics=KubeletMetrics(), runtime=runtime, images=runtime, api=None)
