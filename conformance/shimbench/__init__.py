"""What the dockershim costs beside the bare engine: `make shimbench` measures it and writes it into SPEC.md.

    verbs        RunPodSandbox, CreateContainer, StartContainer, ListContainers │ the engine calls that do the same work
    upkeep       memory, and processor time while nothing happens, with 100 running containers
    throughput   a container's lines in its CRI file │ the same container with the engine's json-file alone

Each on Engine 20.10 and on Engine 29, in a throw-away node.
"""

from conformance import specfile

BEGIN, END = specfile.markers("shimbench", "make shimbench")
BUSYBOX = "localhost/podwright/busybox:1"
