"""The streaming protocols behind exec, attach and port-forward, for both ends: the dockershim serves, the kubelet asks.

    bytes ─▶ mux machine ─▶ events ─▶ Connection (asyncio) ─▶ Stream objects ─▶ remote command, port-forward
             spdy.Session                                                       remotecommand, portforward
             channels.ChannelSession (over websocket)

A mux machine (`mux.Machine`) is sans-IO: `feed(bytes)` gives events, its verbs queue bytes that `output()` hands out.
SPDY streams and WebSocket channels look the same from above, so nothing above knows which of them it talks through.

Sources: the SPDY/3.1 draft, RFC 6455, and what Kubernetes makes of them in k8s.io/streaming and k8s.io/cri-streaming.
"""
