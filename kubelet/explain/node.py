"""What is wrong with the node, as far as it concerns a pod, and with the file that a static pod comes from."""

from collections.abc import Iterator

from kubelet.explain.advice import advice
from kubelet.explain.facts import Case, Finding

RUNTIME_POLL = "asked again every 5 s"


def of_manifests(case: Case) -> Iterator[Finding]:
    """A static pod whose file was edited into something unreadable keeps running as it was: say so."""
    for problem in case.problems:
        if problem.pod_uid and problem.pod_uid == case.pod.metadata.uid:
            yield Finding(f"a manifest that can be read ({problem.where})", reason="InvalidManifest",
                          since=problem.since, last_error=problem.problem,
                          advice=f"correct {problem.where}; it is read again by itself, and the pod runs on as it was")


def of_node(case: Case) -> Iterator[Finding]:
    health, pod = case.health, case.pod
    if health.runtime_error:
        yield Finding("the container runtime", reason="RuntimeNotReady", since=health.runtime_since,
                      last_error=health.runtime_error, advice=advice("RuntimeNotReady", health.runtime_error))
    if health.network_error and not pod.spec.host_network and not pod.status.pod_ip and not health.runtime_error:
        yield Finding("the node's network", reason="NetworkNotReady", since=health.network_since,
                      last_error=health.network_error, advice=advice("NetworkNotReady", health.network_error))


def of_api_server(case: Case) -> Iterator[Finding]:
    """Last of all, because pods run without it; first for a pod whose end it has to hear of (see `pod`)."""
    health = case.health
    if health.api_error:
        what = "to report that it has ended" if case.is_leaving else "to report its status"
        yield Finding(f"the API server, {what}", reason="APIUnreachable", since=health.api_since,
                      last_error=health.api_error, advice=advice("APIUnreachable", health.api_error))
