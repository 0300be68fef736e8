"""A registry that has one image, `slow:1`, whose layer comes so slowly that its pull never ends; run inside a node.

    python slow_registry.py PORT
"""

import hashlib
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LAYER_BYTES = 40_000_000
PIECE_BYTES, PAUSE_SECONDS = 50_000, 0.5
LAYER = "sha256:" + "5" * 64
CONFIG_BODY = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                          "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "6" * 64]}}).encode()
CONFIG = "sha256:" + hashlib.sha256(CONFIG_BODY).hexdigest()
TYPE = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST = json.dumps({
    "schemaVersion": 2, "mediaType": TYPE,
    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(CONFIG_BODY),
               "digest": CONFIG},
    "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": LAYER_BYTES,
                "digest": LAYER}],
}).encode()  # fmt: skip
DIGEST = "sha256:" + hashlib.sha256(MANIFEST).hexdigest()
ABSENT = json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}).encode()


class Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        if self.path == "/v2/":
            self._send(200, b"{}", "application/json", body)
        elif self.path in ("/v2/slow/manifests/1", f"/v2/slow/manifests/{DIGEST}"):
            self._send(200, MANIFEST, TYPE, body)
        elif self.path == f"/v2/slow/blobs/{CONFIG}":
            self._send(200, CONFIG_BODY, "application/octet-stream", body)
        elif self.path == f"/v2/slow/blobs/{LAYER}":
            self._drip()
        else:
            self._send(404, ABSENT, "application/json", body)

    def _send(self, status: int, content: bytes, kind: str, body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Content-Digest", DIGEST)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(LAYER_BYTES))
        self.end_headers()
        for _ in range(LAYER_BYTES // PIECE_BYTES):
            self.wfile.write(bytes(PIECE_BYTES))
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Registry).serve_forever()
