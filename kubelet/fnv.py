"""FNV-1a, the hash behind upstream's container hashes and checkpoint checksums (Go's hash/fnv New32a)."""

_OFFSET, _PRIME = 0x811C9DC5, 0x01000193


def fnv1a_32(data: bytes) -> int:
    hashed = _OFFSET
    for byte in data:
        hashed = ((hashed ^ byte) * _PRIME) & 0xFFFFFFFF
    return hashed
