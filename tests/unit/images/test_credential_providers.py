"""Plugins that log in at registries: what configures them, what they are told, and for how long their word counts."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kubelet.api.types import ObjectMeta, Pod, PodSpec, ServiceAccount
from kubelet.images.providerconfig import (
    EnvVar,
    Provider,
    ProviderConfig,
    ProviderConfigError,
    TokenAttributes,
    read_provider_config,
)
from kubelet.images.providers import CredentialProviders, PluginError
from kubelet.objects.errors import ObjectError

V1 = "credentialprovider.kubelet.k8s.io/v1"
IMAGE = "1.dkr.ecr.eu.amazonaws.com/team/app"
PLUGIN: dict[str, Any] = {
    "name": "ecr", "apiVersion": V1, "matchImages": ["*.dkr.ecr.*.amazonaws.com"], "defaultCacheDuration": "10m",
}  # fmt: skip
TOKENS: dict[str, Any] = {
    "serviceAccountTokenAudience": "registry", "cacheType": "ServiceAccount", "requireServiceAccount": True,
}  # fmt: skip


# --- configuration ---


def written(directory: Path, *providers: dict[str, Any], kind: str = "CredentialProviderConfig") -> Path:
    (directory / "bin").mkdir(exist_ok=True)
    for provider in providers:
        (directory / "bin" / provider["name"].replace("/", "")).touch(mode=0o755)
    file = directory / "config.yaml"
    document = {"apiVersion": "kubelet.config.k8s.io/v1", "kind": kind, "providers": list(providers)}
    file.write_text(json.dumps(document))
    return file


def test_a_file_or_all_files_of_a_directory_name_plugins(tmp_path: Path) -> None:
    env, attributes = [{"name": "REGION", "value": "eu"}], {**TOKENS, "optionalServiceAccountAnnotationKeys": ["a/b"]}
    full = {**PLUGIN, "args": ["get"], "env": env, "tokenAttributes": attributes}
    file = written(tmp_path, full)
    found = read_provider_config(str(file), str(tmp_path / "bin"))
    assert found.providers == (Provider(
        name="ecr", api_version=V1, match_images=("*.dkr.ecr.*.amazonaws.com",), default_cache_duration="10m",
        args=("get",), env=(EnvVar("REGION", "eu"),), token_attributes=TokenAttributes(
            service_account_token_audience="registry", cache_type="ServiceAccount", require_service_account=True,
            optional_service_account_annotation_keys=("a/b",))),)
    assert found.providers[0].cache_seconds == 600 and found.digest.startswith("sha256:")
    many = tmp_path / "many"
    many.mkdir()
    for name in ("b", "a"):
        written(tmp_path, {**PLUGIN, "name": name}).rename(many / f"{name}.yaml")
    (many / "README").write_text("no configuration")
    assert [one.name for one in read_provider_config(str(many), str(tmp_path / "bin")).providers] == ["a", "b"]


@pytest.mark.parametrize(("change", "text"), [
    ({"name": "a/b"}, "without '/' and spaces"),
    ({"name": ".."}, "without '/' and spaces"),
    ({"apiVersion": "v2"}, "apiVersion is 'v2'; use one of credentialprovider.kubelet.k8s.io/v1,"),
    ({"matchImages": []}, "at least 1 item in matchImages is required"),
    ({"defaultCacheDuration": None}, "defaultCacheDuration must be given"),
    ({"defaultCacheDuration": "-1s"}, "greater than or equal to 0"),
    ({"defaultCacheDuration": "soon"}, "'soon' is not a duration"),
    ({"tokenAttributes": {}}, "needs serviceAccountTokenAudience"),
    ({"tokenAttributes": {}}, "needs requireServiceAccount"),
    ({"tokenAttributes": {}}, "needs cacheType. Supported values are: ServiceAccount, Token"),
    ({"tokenAttributes": {**TOKENS, "requireServiceAccount": False, "requiredServiceAccountAnnotationKeys": ["a"]}},
     "requireServiceAccount cannot be false"),
    ({"tokenAttributes": {**TOKENS, "requiredServiceAccountAnnotationKeys": ["a", "a"]}}, "only once"),
    ({"tokenAttributes": TOKENS, "apiVersion": f"{V1}beta1"}, "is only supported for"),
    ({"unknown": 1}, "unknown field"),
])
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    file = written(tmp_path, {**PLUGIN, **change})
    with pytest.raises(ProviderConfigError) as refused:
        read_provider_config(str(file), str(tmp_path / "bin"))
    assert text in str(refused.value)


def refusal(file: Path, programs: Path) -> str:
    with pytest.raises(ProviderConfigError) as refused:
        read_provider_config(str(file), str(programs))
    return str(refused.value)


def test_files_and_programs_have_to_be_there(tmp_path: Path) -> None:
    file, programs = written(tmp_path, PLUGIN), tmp_path / "bin"
    assert refusal(file, tmp_path / "none") == f"plugin binary directory {tmp_path}/none did not exist"
    assert "unable to read file" in refusal(tmp_path / "none", programs)
    assert "no configuration files found in directory" in refusal(programs, programs)
    assert "and should be a kubelet.config.k8s.io/v1" in refusal(written(tmp_path, PLUGIN, kind="Pod"), programs)
    assert "duplicate provider name" in refusal(written(tmp_path, PLUGIN, PLUGIN), programs)
    assert "at least 1 item in plugins is required" in refusal(written(tmp_path), programs)
    file = written(tmp_path, PLUGIN)
    (programs / "ecr").chmod(0o644)
    assert refusal(file, programs) == f"plugin binary executable {programs}/ecr did not exist"


# --- answers ---


def response(scope: str = "Image", duration: str | None = None, **auth: str) -> bytes:
    logins = {where: {"username": "u", "password": word} for where, word in (auth or {IMAGE: "secret"}).items()}
    answer = {"kind": "CredentialProviderResponse", "apiVersion": V1, "cacheKeyType": scope, "auth": logins}
    return json.dumps(answer | ({} if duration is None else {"cacheDuration": duration})).encode()


class Bench:
    """Plugins that answer as told. `asked`: the requests."""

    def __init__(self, *answers: bytes | Exception, attributes: TokenAttributes | None = None) -> None:
        self.answers, self.asked, self.now = list(answers), list[dict[str, Any]](), 0.0
        self.observed: list[tuple[str, bool]] = []
        self.annotations: dict[str, str] = {}
        self.token = "token-1"
        provider = Provider(
            name="ecr", api_version=V1, match_images=("*.dkr.ecr.*.amazonaws.com", "quay.io/team"),
            default_cache_duration="10m", token_attributes=attributes,
        )
        self.providers = CredentialProviders(
            ProviderConfig((provider,), "sha256:0", Path("/plugins")), self, self.account,
            observe=lambda name, _, failed: self.observed.append((name, failed)), clock=lambda: self.now, run=self.run,
        )

    async def run(self, provider: Provider, request: bytes) -> bytes:
        self.asked.append(json.loads(request))
        await asyncio.sleep(0)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def token_for(self, pod: Pod, audience: str, expiration_seconds: int) -> str:
        if not self.token:
            raise ObjectError("failed to fetch token: forbidden")
        assert audience == "registry"
        return self.token

    async def account(self, namespace: str, name: str) -> ServiceAccount:
        return ServiceAccount(
            metadata=ObjectMeta(name=name, namespace=namespace, uid="sa-1", annotations=self.annotations))

    async def words(self, repository: str = IMAGE, account: str = "builder") -> list[str]:
        pod = Pod(metadata=ObjectMeta(name="p", namespace="ns", uid="u"), spec=PodSpec(service_account_name=account))
        return [login.password for login in await self.providers.lookup(pod, repository)]


async def test_only_images_that_match_are_asked_about() -> None:
    bench = Bench(response(**{"quay.io": "pass"}))
    assert await bench.words("quay.io/other/app") == await bench.words("docker.io/library/app") == []
    assert await bench.words("quay.io/team/app") == ["pass"]
    assert bench.asked == [{"kind": "CredentialProviderRequest", "apiVersion": V1, "image": "quay.io/team/app"}]
    assert bench.observed == [("ecr", False)]


@pytest.mark.parametrize(("scope", "duration", "repository", "later", "runs"), [
    ("Image", None, IMAGE, 600, 1), ("Image", None, IMAGE, 601, 2), ("Image", "1h", IMAGE, 3600, 1),
    ("Image", "0s", IMAGE, 0, 2), ("Image", None, f"{IMAGE}2", 0, 2), ("Registry", None, f"{IMAGE}2", 0, 1),
    ("Registry", None, "2.dkr.ecr.eu.amazonaws.com/team/app", 0, 2),
    ("Global", None, "2.dkr.ecr.eu.amazonaws.com/team/app", 0, 1),
])
async def test_answers_are_kept_for_what_they_are_about(
    scope: str, duration: str | None, repository: str, later: float, runs: int
) -> None:
    auth = {"*.dkr.ecr.eu.amazonaws.com": "secret"}
    bench = Bench(*[response(scope, duration, **auth)] * 2)
    assert await bench.words() == ["secret"]
    bench.now += later
    assert await bench.words(repository) == ["secret"]
    assert len(bench.asked) == runs


async def test_one_program_runs_for_many_pods_that_ask_at_once() -> None:
    bench = Bench(response())
    assert await asyncio.gather(*(bench.words() for _ in range(5))) == [["secret"]] * 5
    assert len(bench.asked) == 1


@pytest.mark.parametrize(("answer", "text"), [
    (PluginError("error execing credential provider plugin ecr: exit status 1: no role"), "no role"),
    (b"secret", "error decoding credential provider plugin response from stdout"),
    (response().replace(b"k8s.io/v1", b"k8s.io/v9"), f"expected apiVersion:{V1}, actual apiVersion:"),
    (response().replace(b"Response", b"Request"), 'unexpected Kind: "CredentialProviderRequest"'),
    (response("Pod"), "did not return a valid cacheKeyType: Pod"),
    (response("Image", "soon"), "error decoding credential provider plugin response"),
])
async def test_a_plugin_that_fails_gives_nothing_and_is_asked_again(
    answer: bytes | Exception, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(answer, response())
    assert await bench.words() == []
    assert text in caplog.text and "secret" not in caplog.text
    assert await bench.words() == ["secret"]
    assert bench.observed[0] == ("ecr", isinstance(answer, PluginError))


def attributes(**changes: Any) -> TokenAttributes:
    fields = {"service_account_token_audience": "registry", "cache_type": "ServiceAccount",
              "require_service_account": True} | changes  # fmt: skip
    return TokenAttributes(**fields)


async def test_a_plugin_that_wants_tokens_is_told_whose_pod_it_is() -> None:
    keys = {"required_service_account_annotation_keys": ("role",), "optional_service_account_annotation_keys": ("x",)}
    bench = Bench(response(), attributes=attributes(**keys))
    assert await bench.words() == [], "without the required annotation it is not asked"
    bench.annotations = {"role": "reader", "other": "unasked"}
    assert await bench.words() == ["secret"]
    (request,) = bench.asked
    assert (request["serviceAccountToken"], request["serviceAccountAnnotations"]) == ("token-1", {"role": "reader"})
    bench.token = "token-2"
    assert await bench.words() == ["secret"] and len(bench.asked) == 1, "kept for the account, not for the token"
    bench.answers, bench.annotations = [response()], {"role": "writer"}
    assert await bench.words() == ["secret"] and len(bench.asked) == 2


async def test_logins_of_a_token_are_kept_for_the_token(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(response(**{IMAGE: "token-1"}), response(), attributes=attributes(cache_type="Token"))
    assert await bench.words() == ["token-1"], "allowed with this cache type alone"
    bench.token = "token-2"
    assert await bench.words() == ["secret"] and len(bench.asked) == 2
    echo = Bench(response(**{IMAGE: "token-1"}), attributes=attributes())
    assert await echo.words() == []
    assert "service account token as the password which is not allowed" in caplog.text


async def test_pods_without_a_service_account() -> None:
    assert await Bench(attributes=attributes()).words(account="") == []
    optional = Bench(response(), attributes=attributes(require_service_account=False))
    assert await optional.words(account="") == ["secret"] and "serviceAccountToken" not in optional.asked[0]
    refused = Bench(attributes=attributes())
    refused.token = ""
    assert await refused.words() == []


# --- programs ---


def program(directory: Path, script: str) -> Callable[[], Awaitable[list[str]]]:
    file = directory / "plugin"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    provider = Provider(
        name="plugin", api_version=V1, match_images=("quay.io",), default_cache_duration="0s", args=("get", "login"),
        env=(EnvVar("REGION", "eu"),),
    )
    providers = CredentialProviders(ProviderConfig((provider,), "", directory))

    async def words() -> list[str]:
        return [f"{one.username}:{one.password}" for one in await providers.lookup(Pod(), "quay.io/app")]

    return words


async def test_a_program_gets_its_request_arguments_and_environment(tmp_path: Path) -> None:
    answer = json.dumps({
        "kind": "CredentialProviderResponse", "apiVersion": V1, "cacheKeyType": "Global",
        "auth": {"quay.io": {"username": "NAME", "password": "WORD"}},
    })  # fmt: skip
    edit = '"s|NAME|$1-$2-$REGION|; s|WORD|$(printf %s "$request" | tr -dc a-z/)|"'
    words = program(tmp_path, f"read -r request\nprintf '%s' '{answer}' | sed {edit}")
    (found,) = await words()
    assert found.startswith("get-login-eu:") and found.endswith("imagequayio/app"), found


async def test_a_program_that_fails_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert await program(tmp_path, "echo no role >&2; exit 3")() == []
    assert "error execing credential provider plugin plugin: exit status 3: no role" in caplog.text
    missing = program(tmp_path, "")
    (tmp_path / "plugin").unlink()
    assert await missing() == [] and "No such file or directory" in caplog.text
