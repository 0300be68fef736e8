"""kind itself on this machine, where no registry answers: its node image from Debian's packages, our kubelet in it.

    throw-away node "kind" ── Engine 29 ──┬── container podwright-control-plane   systemd, containerd, our kubelet
      kind create cluster                 └── container podwright-worker          kubeadm join
      kubectl                                  static pods, kube-proxy, CoreDNS

`base.py` makes what `kindest/node` would have been, `Dockerfile` and `build.sh` put our kubelet into it as a user
would, `cluster.py` is a user's `kind create cluster` and what has to follow without kind's own pod network.
"""
