"""Image names: `[registry[:port]/]path[:tag][@digest]` (the grammar of distribution/reference). Pure."""

import re
from dataclasses import dataclass
from typing import Final

DEFAULT_DOMAIN: Final = "docker.io"
_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_PATH = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_BARE_ID = re.compile(r"[a-f0-9]{64}")
_MAX_NAME = 255


class InvalidImageNameError(ValueError):
    """Text that names no image; the message is upstream's."""


@dataclass(frozen=True, slots=True)
class ImageName:
    """`repository` is normal: with registry, and `library/` for Docker Hub's own. At most one of tag and digest may be
    empty."""

    repository: str
    tag: str
    digest: str


def parse_image_name(image: str) -> ImageName:
    """The parts; without tag and digest, the tag is `latest`. Raises InvalidImageNameError."""
    try:
        return _parse(image)
    except InvalidImageNameError as error:
        raise InvalidImageNameError(f"couldn't parse image name \"{image}\": {error}") from None


def with_default_tag(image: str) -> str:
    """`image` as written, with `:latest` when it has neither tag nor digest. Raises InvalidImageNameError."""
    name = parse_image_name(image)
    if name.digest or image.endswith(f":{name.tag}"):
        return image
    return f"{image}:{name.tag}"


def default_pull_policy(image: str) -> str:
    """What the API server would have set: Always for `latest`, else IfNotPresent."""
    name = parse_image_name(image)
    return "Always" if name.tag == "latest" and not name.digest else "IfNotPresent"


def _parse(image: str) -> ImageName:
    if _BARE_ID.fullmatch(image):
        raise InvalidImageNameError(
            f"invalid repository name ({image}), cannot specify 64-byte hexadecimal strings")
    rest, at, digest = image.partition("@")
    head, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        head, tag = rest, ""
    domain, path = _split_domain(head)
    if path.lower() != path:
        raise InvalidImageNameError(f"invalid reference format: repository name ({path}) must be lowercase")
    valid = (_DOMAIN.fullmatch(domain) and _PATH.fullmatch(path) and (not tag or _TAG.fullmatch(tag))
             and (not at or _DIGEST.fullmatch(digest)) and not (colon and not tag and head != rest))
    if not valid or rest.endswith(":"):
        raise InvalidImageNameError("invalid reference format")
    if len(path) > _MAX_NAME:
        raise InvalidImageNameError(f"repository name must not be more than {_MAX_NAME} characters")
    return ImageName(f"{domain}/{path}", tag or ("" if digest else "latest"), digest)


def _split_domain(name: str) -> tuple[str, str]:
    """The first component is a registry when it looks like a host; otherwise all of it is a path at Docker Hub."""
    first, slash, rest = name.partition("/")
    is_host = bool(slash) and (any(char in first for char in ".:") or first == "localhost" or first.lower() != first)
    domain, path = (first, rest) if is_host else (DEFAULT_DOMAIN, name)
    if domain == "index.docker.io":
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = f"library/{path}"
    return domain, path
