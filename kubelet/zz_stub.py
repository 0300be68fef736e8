import asyncio
from kubelet.api.types import Node, NodeStatus
class StubNode:
    def __init__(s): s.registered=asyncio.Event()
    def host_ips(s): return ("127.0.0.1",)
    def node(s):
        from kubelet.api.types import ObjectMeta
        return Node(metadata=ObjectMeta(name=__import__("socket").gethostname(),labels={"kubernetes.io/os":"linux"}),status=NodeStatus(allocatable={"cpu":"2","memory":"16Gi","pods":"110","ephemeral-storage":"50Gi"},capacity={"cpu":"2","memory":"16Gi","pods":"110","ephemeral-storage":"50Gi"}))
    def allocatable(s): return s.node().status.allocatable
    def uid(s): return ""
    def network_error(s): return ""
class StubCgroups:
    def __init__(s,**k): pass
    def parent(s,pod): return ""
    async def ensure(s,pod): pass
    async def remove(s,uid): pass
class Metrics:
    def runtime_operation(s,*a): pass
    def probe_attempt(s,*a): pass
