"""The podresources API: which pod has which devices, for monitoring agents and device plugins (KEP-606, KEP-2403).

    `<root-dir>/pod-resources/kubelet.sock`      v1: List, Get, GetAllocatableResources      v1alpha1: List

`answers` makes the responses, `server` is the socket. CPUs and memory would be those that managers with a policy have
pinned; there are none. Sources: pkg/kubelet/apis/podresources, pkg/kubelet/apis/grpc/ratelimit.go.
"""
