"""Security contexts of CRI in the engine's terms. Pure: what goes in is the request, what comes out is JSON.

What the engine cannot do is refused with InvalidArgumentError or UnimplementedError, never dropped in silence.
"""

import json
from collections.abc import Callable
from typing import Any

from cri.errors import InvalidArgumentError, UnimplementedError
from cri.v1 import api_pb2 as cri
from dockershim.facts import EngineFacts

JSON = dict[str, Any]
ReadProfile = Callable[[str], bytes]
"""Reads a seccomp profile from the host; raises OSError."""

_UNCONFINED, _LOCALHOST = "unconfined", "localhost/"


def user(context: cri.LinuxContainerSecurityContext | cri.LinuxSandboxSecurityContext) -> str:
    """`user[:group]` for the engine, empty for the image's own."""
    name = context.run_as_username if isinstance(context, cri.LinuxContainerSecurityContext) else ""
    if context.HasField("run_as_user"):
        name = name or str(context.run_as_user.value)
    if not context.HasField("run_as_group"):
        return name
    if not name:
        raise InvalidArgumentError("runAsGroup is specified without a runAsUser")
    return f"{name}:{context.run_as_group.value}"


def host_config(
    context: cri.LinuxContainerSecurityContext, facts: EngineFacts, read_profile: ReadProfile
) -> JSON:
    """The part of `HostConfig` that a container's security context decides, namespaces aside."""
    _refuse_what_cannot_be(context)
    options = [
        *selinux_options(context.selinux_options if context.HasField("selinux_options") else None),
        *apparmor_options(_apparmor(context), facts),
        *seccomp_options(_seccomp(context), context.privileged, read_profile),
    ]
    if context.no_new_privs:
        options.append("no-new-privileges")
    config: JSON = {
        "Privileged": context.privileged,
        "ReadonlyRootfs": context.readonly_rootfs,
        "GroupAdd": [str(group) for group in context.supplemental_groups],
        "CapAdd": list(context.capabilities.add_capabilities),
        "CapDrop": list(context.capabilities.drop_capabilities),
        "SecurityOpt": options,
    }
    if not context.privileged:
        # Empty means none (procMount Unmasked); the engine takes null, not [], as "the default".
        config["MaskedPaths"] = list(context.masked_paths)
        config["ReadonlyPaths"] = list(context.readonly_paths)
    return config


def sandbox_host_config(context: cri.LinuxSandboxSecurityContext, facts: EngineFacts) -> JSON:
    """The pause container keeps the engine's default seccomp profile and never gains privileges.

    Any policy for supplemental groups holds for it: there is no group file in its image that could add some.
    """
    options = selinux_options(context.selinux_options if context.HasField("selinux_options") else None)
    return {
        "Privileged": context.privileged,
        "ReadonlyRootfs": context.readonly_rootfs,
        "GroupAdd": [str(group) for group in context.supplemental_groups],
        "SecurityOpt": [*options, "no-new-privileges"],
        **({"UsernsMode": "host"} if facts.userns_remap else {}),
    }


def leaves_out_the_images_groups(context: cri.LinuxContainerSecurityContext) -> bool:
    """Whether the user has to be told with a group (`image_users`), so that the engine adds none of the image's."""
    return context.supplemental_groups_policy == cri.Strict and not context.HasField("run_as_group")


def _refuse_what_cannot_be(context: cri.LinuxContainerSecurityContext) -> None:
    if context.capabilities.add_ambient_capabilities:
        raise UnimplementedError("ambient capabilities are not possible on Docker Engine")
    refuse_user_namespace(context.namespace_options)


def refuse_user_namespace(options: cri.NamespaceOption) -> None:
    if options.HasField("userns_options") and options.userns_options.mode == cri.POD:
        raise UnimplementedError(
            "a user namespace per pod (hostUsers: false) is not possible on Docker Engine, which has one for all"
        )


def selinux_options(options: cri.SELinuxOption | None) -> list[str]:
    if options is None:
        return []
    pairs = (("user", options.user), ("role", options.role), ("type", options.type), ("level", options.level))
    return [f"label={key}:{value}" for key, value in pairs if value]


def _apparmor(context: cri.LinuxContainerSecurityContext) -> cri.SecurityProfile | None:
    """The profile from the field, else from the string that older clients send."""
    if context.HasField("apparmor"):
        return context.apparmor
    return _profile(context.apparmor_profile)


def _seccomp(context: cri.LinuxContainerSecurityContext) -> cri.SecurityProfile | None:
    if context.HasField("seccomp"):
        return context.seccomp
    return _profile(context.seccomp_profile_path)


def _profile(text: str) -> cri.SecurityProfile | None:
    if not text:
        return None
    if text in ("runtime/default", "docker/default"):
        return cri.SecurityProfile(profile_type=cri.SecurityProfile.RuntimeDefault)
    if text == _UNCONFINED:
        return cri.SecurityProfile(profile_type=cri.SecurityProfile.Unconfined)
    return cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost, localhost_ref=text.removeprefix(_LOCALHOST))


def apparmor_options(profile: cri.SecurityProfile | None, facts: EngineFacts) -> list[str]:
    if profile is None or profile.profile_type == cri.SecurityProfile.RuntimeDefault:
        return []
    if profile.profile_type == cri.SecurityProfile.Unconfined:
        return [f"apparmor={_UNCONFINED}"] if facts.has("apparmor") else []
    name = profile.localhost_ref.removeprefix(_LOCALHOST)
    if not facts.has("apparmor"):
        raise InvalidArgumentError(f"AppArmor profile {name!r} is asked for, but AppArmor is not enabled on this host")
    return [f"apparmor={name}"]


def seccomp_options(
    profile: cri.SecurityProfile | None, privileged: bool, read_profile: ReadProfile
) -> list[str]:
    """No option is the engine's default profile; CRI's default for containers is none at all."""
    if privileged or profile is None or profile.profile_type == cri.SecurityProfile.Unconfined:
        return [f"seccomp={_UNCONFINED}"]
    if profile.profile_type == cri.SecurityProfile.RuntimeDefault:
        return []
    path = profile.localhost_ref.removeprefix(_LOCALHOST)
    if not path.startswith("/"):
        raise InvalidArgumentError(f"seccomp profile path must be absolute, but is {path!r}")
    try:
        content = json.loads(read_profile(path))
    except OSError as error:
        raise InvalidArgumentError(f"cannot load seccomp profile {path!r}: {error.strerror or error}") from error
    except ValueError as error:
        raise InvalidArgumentError(f"seccomp profile {path!r} is not JSON: {error}") from error
    return [f"seccomp={json.dumps(content, separators=(',', ':'))}"]
