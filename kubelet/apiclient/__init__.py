"""The agent's way to the API server: kubeconfig, credentials, requests, watches, reflectors.

    kubeconfig ─▶ ClusterAccess ─▶ Credentials (TLS, tokens, exec) ─▶ ApiClient ─▶ Reflector (list + watch → copy)

aiohttp is imported with the first request, so a standalone node never pays for it.
"""

from kubelet.apiclient.client import JSON_MERGE, JSON_PATCH, STRATEGIC_MERGE, ApiClient, Listing
from kubelet.apiclient.credentials import RotatedCertificate
from kubelet.apiclient.errors import (
    AlreadyExistsError,
    ApiError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
    UnreachableError,
)
from kubelet.apiclient.kubeconfig import ClusterAccess, KubeconfigError
from kubelet.apiclient.reflector import Reflector, key_of
from kubelet.apiclient.throttle import RetryDelay, TokenBucket
from kubelet.apiclient.watch import EventType, WatchEvent

__all__ = [
    "JSON_MERGE", "JSON_PATCH", "STRATEGIC_MERGE", "AlreadyExistsError", "ApiClient", "ApiError", "ClusterAccess",
    "ConflictError", "EventType", "ForbiddenError", "GoneError", "InvalidError", "KubeconfigError", "Listing",
    "NotFoundError", "Reflector", "RetryDelay", "RotatedCertificate", "ServerError", "TokenBucket",
    "TooManyRequestsError", "UnauthorizedError", "UnreachableError", "WatchEvent", "key_of",
]
