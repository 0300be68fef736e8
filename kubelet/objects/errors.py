"""Why an object that a pod refers to cannot be had. The text is what users read in events and waiting messages."""


class ObjectError(Exception):
    """The object could not be read; `str(error)` is the user's text."""


class MissingObjectError(ObjectError):
    """There is no such object: what `optional: true` forgives."""

    def __init__(self, kind: str, name: str) -> None:
        """`kind` in lower case, as upstream's managers name their resource: `configmap "x" not found`."""
        super().__init__(f'{kind} "{name}" not found')
        self.kind, self.name = kind, name


class StandaloneError(ObjectError):
    """The object would come from an API server, and this kubelet has none."""
