"""exec, logs, port-forward and cp beside the upstream kubelet on containerd: `make streambench` writes it to SPEC.md.

One control plane and two workers that differ in nothing but kubelet and runtime, both alive in one run; every request
goes through the API server's proxy, as a user's does. The sides take turns, every other round the other one first.

    latency      a thin client of the same protocols (WebSocket v5, SPDY v4): kubectl's own start would hide it
    throughput   the real kubectl, from the first byte that it delivers to the last; cp as a whole
"""

from conformance import specfile

BEGIN, END = specfile.markers("streambench", "make streambench")
