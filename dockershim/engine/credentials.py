"""Registry credentials from the Docker configuration of the user that we run as: `~/.docker/config.json` and helpers.

Only the pause image needs them: for all others the kubelet sends what to use. The `docker` package knows the file's
forms and the credential helpers' protocol; it is imported when it is needed, it costs 12 MB.
"""

import asyncio
import logging
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What to log in to a registry with; secrets never show in logs."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    server_address: str = ""


async def credentials_for(repository: str) -> Credentials:
    """Empty when none are configured or they cannot be read."""
    return await asyncio.to_thread(_credentials_for, repository)


def _credentials_for(repository: str) -> Credentials:
    from docker import auth, errors

    try:
        registry, _ = auth.resolve_repository_name(repository)
        found = auth.load_config().resolve_authconfig(registry) or {}
    except (errors.DockerException, OSError, ValueError) as error:
        logger.warning("Docker credentials cannot be read repository=%s error=%s", repository, error)
        return Credentials()
    return Credentials(
        username=found.get("username") or found.get("Username") or "",
        password=found.get("password") or found.get("Password") or "",
        identity_token=found.get("IdentityToken") or found.get("identitytoken") or "",
        server_address=found.get("serveraddress") or found.get("ServerAddress") or registry,
    )
