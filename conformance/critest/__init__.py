"""Upstream's validation suite of CRI (`critest` of cri-tools) against our dockershim, and against containerd beside it.

The suite is a client: it pulls images, runs pods, looks into containers and judges what the runtime answers. It wants
a machine that it may use as its own, which is a throw-away node (`node.py`), and images from registries, which are made
on this machine and served in the node (`images.py`). Where our side and containerd both fail, the machine is to blame.

    python -m conformance.critest run                             # our dockershim on Engine 29
    python -m conformance.critest run --side 20.10 --focus Streaming
    python -m conformance.critest run --side containerd           # the peer
    python -m conformance.critest report                          # docs/critest.md from all sides' results

Results are kept outside the checkout, below `$PODWRIGHT_STATE/critest`; newer ones replace older ones spec by spec.
"""
