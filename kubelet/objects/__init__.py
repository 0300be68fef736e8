"""Objects of the API server that pods refer to.

    manager    ConfigMaps and Secrets, only those referred to      references   which those are (pure)
    services   variables of service links                         runtimeclasses   handler of a RuntimeClass

Failures are ObjectError; its text is the user's.
"""

from kubelet.objects.errors import MissingObjectError, ObjectError, StandaloneError
from kubelet.objects.manager import ListWatcher, ObjectManager
from kubelet.objects.references import ObjectKey, ObjectKind, references_of
from kubelet.objects.runtimeclasses import RuntimeClasses
from kubelet.objects.services import Services, service_env

__all__ = [
    "ListWatcher", "MissingObjectError", "ObjectError", "ObjectKey", "ObjectKind", "ObjectManager", "RuntimeClasses",
    "Services", "StandaloneError", "references_of", "service_env",
]
