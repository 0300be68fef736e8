"""What a kubeconfig means, and what one clear line it gets when it means nothing."""

import base64
from pathlib import Path

import pytest

from kubelet.apiclient.kubeconfig import KubeconfigError, Material, parse, read

FILE = Path("/etc/kubernetes/kubelet.conf")
PEM = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n").decode()
WHOLE = """
apiVersion: v1
kind: Config
current-context: c
preferences: {}
clusters:
- name: k
  cluster: {server: "https://10.0.0.1:6443/", certificate-authority-data: %s, proxy-url: "http://proxy:3128"}
contexts:
- name: c
  context: {cluster: k, user: u, namespace: null}
users:
- name: u
  user: %s
"""


def parse_user(user: str, data: str = WHOLE) -> object:
    return parse((data % (PEM, user)).encode(), FILE)


def test_the_usual_fields() -> None:
    access = parse((WHOLE % (PEM, "{client-certificate: pki/a.pem, client-key: /b.pem}")).encode(), FILE)
    assert access.server == "https://10.0.0.1:6443"
    assert access.proxy_url == "http://proxy:3128"
    assert access.client_certificate == Material(
        file=Path("/etc/kubernetes/pki/a.pem"), where="users[name=u].user.client-certificate")
    assert access.client_key is not None
    assert access.client_key.file == Path("/b.pem")
    assert access.certificate_authority is not None
    assert access.certificate_authority.inline.startswith(b"-----BEGIN")


def test_a_token_file_wins_over_a_token() -> None:
    access = parse((WHOLE % (PEM, "{token: t, tokenFile: tok}")).encode(), FILE)
    assert access.token is not None
    assert access.token.file == Path("/etc/kubernetes/tok")


def test_an_exec_plugin() -> None:
    access = parse((WHOLE % (PEM, "{exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, "
                                  "args: [eks, get-token], env: [{name: A, value: b}], interactiveMode: Never}}"))
                   .encode(), FILE)
    assert access.exec_plugin is not None
    assert access.exec_plugin.arguments == ("eks", "get-token")
    assert access.exec_plugin.environment == (("A", "b"),)


@pytest.mark.parametrize(("data", "expected"), [
    ("", "holds no kubeconfig"),
    ("- a", "holds no kubeconfig"),
    ("a: [", "line 2, column 1: not valid YAML"),
    ("{", "not valid JSON"),
    ("kind: Pod", "kind: is 'Pod', not 'Config'"),
    ("kind: Config", "current-context: is not set; name one of: (none)"),
    ("{current-context: x, contexts: [{name: other, context: {cluster: k}}]}",
     "current-context: names 'x', which is not in contexts; known: other"),
    ("current-context: x\ncontexts: [{name: x, context: {cluster: k}}]",
     "contexts[name=x].context.cluster: names 'k', which is not in clusters; known: (none)"),
    ("current-context: x\ncontexts: [{name: x, context: {cluster: k, user: u}}]\n"
     "clusters: [{name: k, cluster: {server: a}}]",
     "contexts[name=x].context.user: names 'u', which is not in users; known: (none)"),
    ("current-context: x\ncontexts: [{name: x, context: {cluster: k}}]\nclusters: [{name: k, cluster: {server: 1}}]",
     "clusters[0].cluster.server: Expected `str`, got `int`"),
    ("current-context: x\ncontexts: [{name: x, context: {cluster: k}}]\nclusters: [{name: k}]",
     "clusters[name=k].cluster.server: is ''; write an address like https://host:6443"),
    ("current-context: x\ncontexts: [{name: x, context: {cluster: k}}]\n"
     "clusters: [{name: k, cluster: {server: a, proxy-url: 'socks5://x'}}]", "clusters[name=k].cluster.proxy-url"),
])
def test_a_bad_file_is_one_line(data: str, expected: str) -> None:
    with pytest.raises(KubeconfigError) as caught:
        parse(data.encode(), FILE)
    assert str(caught.value).startswith(f"kubeconfig {FILE}: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("user", "expected"), [
    ("{client-certificate: a}", "users[name=u].user.client-key: is missing"),
    ("{client-key: a}", "users[name=u].user.client-certificate: is missing"),
    ("{client-certificate-data: '!', client-key: a}", "users[name=u].user.client-certificate-data: is not base64"),
    ("{client-certificate-data: aGk=, client-key: a}", "users[name=u].user.client-certificate-data: holds no PEM"),
    ("{auth-provider: {name: gcp}}", "users[name=u].user.auth-provider: is not supported"),
    ("{exec: {command: x, apiVersion: v7}}", "users[name=u].user.exec.apiVersion: is 'v7'"),
    ("{exec: {apiVersion: v1}}", "users[0].user.exec: Object missing required field `command`"),
])
def test_bad_credentials_name_their_field(user: str, expected: str) -> None:
    with pytest.raises(KubeconfigError) as caught:
        parse_user(user)
    assert expected in str(caught.value)


def test_a_missing_and_an_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="no such file; check --kubeconfig"):
        read(tmp_path / "none")
    with pytest.raises(KubeconfigError, match="cannot be read: Is a directory"):
        read(tmp_path)


def content(file: str) -> bytes:
    return Path(file).read_bytes()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("user", ["{token: abc}", f"{{client-certificate-data: {PEM}, client-key-data: {PEM}}}"])
async def test_the_kubernetes_package_reads_the_same(tmp_path: Path, user: str) -> None:
    """The loader that this one stands in for, as the yardstick."""
    from kubernetes.aio.client import Configuration
    from kubernetes.aio.config import load_kube_config

    file = tmp_path / "config"
    file.write_text(WHOLE % (PEM, user))
    theirs = Configuration()
    await load_kube_config(str(file), client_configuration=theirs, temp_file_path=str(tmp_path / "t"))
    ours = read(file)
    assert theirs.host == ours.server
    assert theirs.proxy == ours.proxy_url
    assert theirs.api_key.get("BearerToken") == (f"Bearer {ours.token.inline.decode()}" if ours.token else None)
    assert content(theirs.ssl_ca_cert) == (ours.certificate_authority and ours.certificate_authority.inline)
    if theirs.cert_file:
        assert content(theirs.cert_file) == (ours.client_certificate and ours.client_certificate.inline)
