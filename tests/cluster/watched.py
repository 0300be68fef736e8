"""A pod that gives a node's monitoring something to tell, and the node's pages through the API server."""

from kube import Kube, is_ready, pod, shell

LOOP = "i=0; while :; do echo line $i; echo x >>/scratch/file; i=$((i+1)); usleep 100000; done"
READY = {"exec": {"command": ["true"]}, "periodSeconds": 1}


async def watched_pod(kube: Kube) -> None:
    """Uses processor, memory, network, disk, a volume, a probe and logs."""
    container = shell("box", LOOP, readinessProbe=READY, volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
                      resources={"limits": {"cpu": "200m", "memory": "64Mi"}})
    await kube.apply(pod("watched", container, volumes=[{"name": "scratch", "emptyDir": {}}]))
    await kube.until_pod("watched", is_ready)


async def raw(kube: Kube, path: str) -> str:
    """A page of the node."""
    node = kube.cluster.name
    return (await kube.cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/{path}")).stdout
