"""Which images this kubelet has pulled, over its restarts: for `--image-gc-pulled-only`, which leaves side-loaded ones
(`docker load`, `ctr image import`) to those who brought them.

One small JSON file in the root directory, written by temp + fsync + rename. A file that cannot be read counts as empty:
then nothing is collected that was pulled before, which costs space, but no image that cannot be had again.
"""

import json
import logging
import os
from pathlib import Path

logger = logging.getLogger(__name__)

FILE_NAME = "pulled_images.json"
VERSION = 1


class PulledImages:
    """Blocking where it touches the disk: `load`, and `note` for an image that is new."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids: set[str] = set()

    def load(self) -> None:
        try:
            found = json.loads(self._path.read_text())
            self._ids = {str(image) for image in found["images"]} if found["version"] == VERSION else set()
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("the record of pulled images cannot be read and begins anew path=%s error=%s",
                           self._path, error)

    def note(self, image_id: str) -> None:
        """An image was pulled. A record that cannot be written is logged: the pull has succeeded all the same."""
        if image_id in self._ids:
            return
        self._ids.add(image_id)
        temporary = self._path.with_suffix(".tmp")
        try:
            with temporary.open("w") as file:
                json.dump({"version": VERSION, "images": sorted(self._ids)}, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            logger.warning("the record of pulled images cannot be written path=%s error=%s", self._path, error)

    def ids(self) -> frozenset[str]:
        return frozenset(self._ids)
