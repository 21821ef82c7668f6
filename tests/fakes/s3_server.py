"""An S3-compatible store on port 0, as far as a content store asks of one: objects, conditional writes, listings."""

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, unescape

from aiohttp import web

_DATE = "2026-01-31T09:00:00.000Z"


@dataclass
class S3Server:
    """One bucket in memory."""

    bucket: str = "bucket"
    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    down: bool = False
    """Whether it answers 503."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        bucket, _, key = request.path.lstrip("/").partition("/")
        self.requests.append(f"{request.method} {key}")
        if self.down:
            return web.Response(status=503)
        if bucket != self.bucket or "AWS4-HMAC-SHA256" not in request.headers.get("Authorization", ""):
            return web.Response(status=403)
        if not key:
            return await self._delete(request) if request.method == "POST" else self._listing(request)
        answer = {"GET": self._get, "HEAD": self._get, "PUT": self._put}[request.method]
        return await answer(request, key)

    async def _get(self, request: web.Request, key: str) -> web.Response:
        data = self.objects.get(key)
        if data is None:
            return web.Response(status=404)
        headers = {"ETag": _etag(data), "Last-Modified": "Sat, 31 Jan 2026 09:00:00 GMT"}
        wanted = request.headers.get("Range", "")
        if not wanted:
            return web.Response(body=data, headers=headers)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1]
        headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
        return web.Response(status=206, body=part, headers=headers)

    async def _put(self, request: web.Request, key: str) -> web.Response:
        expected = request.headers.get("If-Match")
        if expected is not None and (key not in self.objects or _etag(self.objects[key]) != expected):
            return web.Response(status=412)
        self.objects[key] = await request.read()
        return web.Response(headers={"ETag": _etag(self.objects[key])})

    async def _delete(self, request: web.Request) -> web.Response:
        keys = [unescape(key) for key in re.findall(r"<Key>(.*?)</Key>", await request.text())]
        for key in keys:
            self.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        return web.Response(text=f"<DeleteResult>{deleted}</DeleteResult>", content_type="application/xml")

    def _listing(self, request: web.Request) -> web.Response:
        prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter", "")
        contents, folders = [], set()
        for key, data in sorted(self.objects.items()):
            rest = key.removeprefix(prefix)
            if not key.startswith(prefix):
                continue
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.split(delimiter)[0] + delimiter)
                continue
            contents.append(
                f"<Contents><Key>{escape(key)}</Key><LastModified>{_DATE}</LastModified>"
                f"<ETag>{escape(_etag(data))}</ETag><Size>{len(data)}</Size></Contents>"
            )
        common = "".join(
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in sorted(folders)
        )
        body = (
            f'<?xml version="1.0"?><ListBucketResult><Name>{self.bucket}</Name><Prefix>{escape(prefix)}</Prefix>'
            f"<KeyCount>{len(contents)}</KeyCount><IsTruncated>false</IsTruncated>{''.join(contents)}{common}"
            "</ListBucketResult>"
        )
        return web.Response(body=body.encode(), content_type="application/xml")


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


@contextlib.asynccontextmanager
async def s3_server() -> AsyncIterator[S3Server]:
    server = S3Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
