"""The node's certificates: the one it shows to the API server, and the one it serves with when the cluster signs it.

    bootstrap ─▶ ClientIdentity ─▶ ApiClient              serving_template ─▶ CertificateManager ─▶ TLS server
                      └─▶ CertificateManager: request ─▶ signing (CSR API) ─▶ PairStore (<cert-dir>/…-current.pem)
"""

from kubelet.certificates.bootstrap import ClientIdentity, IdentitySettings, client_identity
from kubelet.certificates.manager import CertificateManager, Purpose, watch_validity
from kubelet.certificates.request import RequestError
from kubelet.certificates.serving import SERVING_PREFIX, serving_template
from kubelet.certificates.signing import SERVING_SIGNER, RefusedError
from kubelet.certificates.store import PairStore, StoreError

__all__ = ["SERVING_PREFIX", "SERVING_SIGNER", "CertificateManager", "ClientIdentity", "IdentitySettings", "PairStore",
           "Purpose", "RefusedError", "RequestError", "StoreError", "client_identity", "serving_template",
           "watch_validity"]
