"""How a Pod can fail to become a CRI request."""

from dataclasses import dataclass


class ContainerConfigError(Exception):
    """The container cannot be described. `reason` is the waiting reason, `message` the user's text."""

    def __init__(self, message: str, reason: str = "CreateContainerConfigError") -> None:
        super().__init__(message)
        self.message, self.reason = message, reason


class SandboxConfigError(ContainerConfigError):
    """The sandbox cannot be described; the text follows `Failed to generate sandbox config for pod …: `."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="CreatePodSandboxError")


@dataclass(frozen=True, slots=True)
class SpecWarning:
    """A Warning event that the translation asks for; `about_node` means the Node rather than the Pod."""

    reason: str
    message: str
    about_node: bool = False
