"""A cluster made by kubeadm itself, on this machine, whose nodes run our kubelet and our dockershim.

    throw-away node "kubeadm-1" ──wire── throw-away node "kubeadm-2"
      kubeadm init                         kubeadm join
      static pods: etcd, kube-apiserver, kube-controller-manager, kube-scheduler     under our kubelet
      kube-proxy on each, CoreDNS, pods that reach each other

What a distribution's packages bring is there as files: the unit and kubeadm's drop-in, read by a stand-in for systemctl
(`systemctl.py`, `units.py`); what a registry brings is made by `images.py` around programs built from Go modules. The
rest is what a user does, in a user's order (`cluster.py`). `python -m conformance.kubeadm up` leaves such a cluster
running; docs/kubeadm.md tells more.
"""
