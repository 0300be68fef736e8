"""Upstream's node suite (`test/e2e_node`, v1.36.3) against our kubelet, our dockershim, or their upstream peers.

The suite brings its own etcd, API server and namespace controller; what it wants beside it is a node: a container
runtime, an executable named `kubelet`, a systemd to start that with, and the images of its specs. Here the node is a
throw-away one (`node.py`), systemd a stand-in (`systemd.py`), and the images are made on this machine (`images.py`).

    python -m conformance.node_e2e run --focus 'Probing container'         # ours on our dockershim
    python -m conformance.node_e2e run --agent upstream-docker             # the upstream kubelet on our dockershim
    python -m conformance.node_e2e run --agent upstream-containerd         # the peer on the peer
    python -m conformance.node_e2e report                                  # docs/conformance.md from all results

Results are kept outside the checkout, spec by spec as they end, so a run that was interrupted goes on where it was:
specs that passed are not run again unless `--again` says so.
"""
