"""A file that is there whole or as it was before, whatever happens meanwhile, and on the disk when it is written."""

import os
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Temp, fsync, rename. Raises OSError; blocking. Not to be called for one file from two threads at once."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
