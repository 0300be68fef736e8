"""What the configuration's names of TLS mean to OpenSSL: versions, cipher suites, and curves by their numbers. Pure.

Source: component-base/cli/flag/{ciphersuites_flag,curves_flag}.go; numbers of Go's crypto/tls.CurveID.
"""

from collections.abc import Sequence

VERSIONS = ("VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13")

# Those of TLS 1.3 are always on, as with Go.
ALWAYS_ON = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
}
CURVES = {23: "prime256v1", 24: "secp384r1", 25: "secp521r1", 29: "X25519"}


def version_problem(name: str) -> str:
    """What is wrong with a tlsMinVersion, "" for nothing."""
    return "" if not name or name in VERSIONS else f"is {name!r}; write one of: {', '.join(VERSIONS)}"


def cipher_problem(suites: Sequence[str]) -> str:
    unknown = [name for name in suites if name not in CIPHERS and name not in ALWAYS_ON]
    known = ", ".join(sorted(CIPHERS))
    return f"names {', '.join(unknown)}, not known here; known are: {known}" if unknown else ""


def curve_problem(numbers: Sequence[int], *, several: bool) -> str:
    """`several`: whether this Python can hold a server to more than one (ssl.SSLContext.set_groups, Python 3.15)."""
    for number in numbers:
        if number not in CURVES:
            known = ", ".join(f"{known} ({name})" for known, name in CURVES.items())
            return f"names curve {number}, not known here; known are: {known}"
    if len(set(numbers)) < len(numbers):
        return "names a curve twice; name it once"
    if len(numbers) > 1 and not several:
        return "names several curves, and this Python can hold a server to one only; name one, or leave the field out"
    return ""
