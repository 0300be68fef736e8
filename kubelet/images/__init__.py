"""Images of containers: names, credentials, pulling.

    names     `registry/path:tag@digest` (pure)      keyring   whose login to try (pure)
    providers  logins by plugins, as named in the file that providerconfig reads
    manager   ImageManager.ensure: policy, presence, back-off, limits, events
    pulled    which images this kubelet has pulled, over its restarts
"""

from kubelet.images.keyring import Credential, InvalidDockerConfigError
from kubelet.images.manager import ImageError, ImageManager, ImageRequest, PulledImage
from kubelet.images.names import InvalidImageNameError, parse_image_name

__all__ = [
    "Credential", "ImageError", "ImageManager", "ImageRequest", "InvalidDockerConfigError", "InvalidImageNameError",
    "PulledImage", "parse_image_name",
]
