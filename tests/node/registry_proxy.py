"""A registry in front of a registry, run inside a node: wants tokens, or lets bytes through slowly or not at all.

    python registry_proxy.py PORT UPSTREAM_PORT [--registry-token=T] [--identity-token=I] [--rate=BYTES/S] [--stall]

With --registry-token every call needs that bearer; who has the identity token gets it from the token endpoint (OAuth2
refresh_token grant, as Docker's clients ask for it). --stall sends half of each big blob, then nothing.
"""

import argparse
import asyncio

from aiohttp import ClientSession, web

BIG_BYTES = 100_000
PIECE_BYTES = 32768


class Proxy:
    def __init__(self, options: argparse.Namespace, client: ClientSession) -> None:
        self._options, self._client = options, client

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("grant_type") == "refresh_token" and form.get("refresh_token") == self._options.identity_token:
            return web.json_response({"access_token": self._options.registry_token, "token": "unused"})
        return web.json_response({"details": "not for you"}, status=401)

    async def forward(self, request: web.Request) -> web.StreamResponse:
        wanted = self._options.registry_token
        if wanted and request.headers.get("Authorization") != f"Bearer {wanted}":
            realm = f"http://{request.host}/token"
            challenge = f'Bearer realm="{realm}",service="test",scope="repository:test/app:pull"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        target = f"http://127.0.0.1:{self._options.upstream}{request.path_qs}"
        accept = {"Accept": ", ".join(request.headers.getall("Accept", ["*/*"]))}
        async with self._client.request(request.method, target, headers=accept) as upstream:
            body = await upstream.read()
            kept = {
                name: value for name, value in upstream.headers.items()
                if name.lower() in ("content-type", "content-length", "docker-content-digest")
            }
            answer = web.StreamResponse(status=upstream.status, headers=kept)
            await answer.prepare(request)
            if request.method != "HEAD":
                await self._send(answer, body)
            return answer

    async def _send(self, answer: web.StreamResponse, body: bytes) -> None:
        big = len(body) > BIG_BYTES
        for start in range(0, len(body), PIECE_BYTES):
            if big and self._options.stall and start > len(body) // 2:
                await asyncio.Event().wait()
            await answer.write(body[start : start + PIECE_BYTES])
            if big and self._options.rate:
                await asyncio.sleep(PIECE_BYTES / self._options.rate)


async def serve(options: argparse.Namespace) -> None:
    async with ClientSession(auto_decompress=False) as client:
        proxy = Proxy(options, client)
        app = web.Application()
        app.router.add_post("/token", proxy.token)
        app.router.add_get("/token", proxy.token)
        app.router.add_route("*", "/{path:.*}", proxy.forward)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", options.port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("upstream", type=int)
    parser.add_argument("--registry-token", default="")
    parser.add_argument("--identity-token", default="")
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--stall", action="store_true")
    asyncio.run(serve(parser.parse_args()))
