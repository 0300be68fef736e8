"""Side by side on one machine, in one run: our agents on Docker Engine against the upstream kubelet on containerd.

One control plane, two worker nodes that differ in nothing but kubelet and runtime, and a watch of the API server here.
A pod is created with its node's name in it, so that no scheduler is in the measured time. The two sides take turns in
every round, so that whatever else the machine does meets both.

| measure | from | to |
|---|---|---|
| start | our POST of the pod is sent | the watch brings condition Ready=True |
| stop | our DELETE is sent | the watch brings DELETED |
| burst | the first of 20 POSTs is sent | the last pod is Ready (gone) |
| idle CPU | processor seconds per second, over a minute, with 50 pods at rest | |
| idle memory | proportional set size (PSS) with 50 pods at rest | |

`python -m conformance.bench` prints the table and writes it into SPEC.md between its two markers.
"""
