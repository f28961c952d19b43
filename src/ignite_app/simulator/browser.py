"""A small HTTP/1.1 client that reaches the loopback only: keep-alive, no redirects followed, no TLS.

Decides where a URL leads: 127.0.0.1 and localhost as they are, owned domains to 127.0.0.1; every other
host is refused, so that no simulated person ever calls a real server.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import attrs

TIMEOUT_REAL_SECONDS: Final = 30.0
MAX_BODY: Final = 4_000_000
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})


class Unreachable(Exception):
    """No usable answer: worth another try. `asked` times the question left here, and nobody knows if it was heard."""

    def __init__(self, why: str, asked: int) -> None:
        super().__init__(why)
        self.asked = asked


@attrs.frozen
class Response:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""
    repeated: int = 0  # questions before this one that left here and may have been heard


@attrs.frozen
class Target:
    """Where to connect, and what to ask there."""

    port: int
    host: str  # for the Host header
    path: str


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@attrs.define(eq=False)
class Browser:
    owned_domains: tuple[str, ...]
    site_port: int = 0
    _idle: dict[int, list[Connection]] = attrs.field(factory=lambda: defaultdict(list))

    def owns(self, url: str) -> bool:
        host = urlsplit(url).hostname or ""
        return any(host == name or host.endswith("." + name) for name in self.owned_domains)

    def target(self, url: str) -> Target | None:
        """None: that host is not ours to call."""
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            return None
        if self.owns(url):
            port = self.site_port or port
        elif parts.hostname not in _LOOPBACK:
            return None
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(port, parts.netloc, path)

    async def ask(self, method: str, target: Target, headers: Mapping[str, str], body: bytes = b"") -> Response:
        """Send one request. Raises Unreachable; kept connections that turn out dead are replaced."""
        lines = [f"{method} {target.path} HTTP/1.1", f"Host: {target.host}", "Connection: keep-alive"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        raw = "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body
        idle = self._idle[target.port]
        asked = 0
        while idle:
            kept = idle.pop()
            if kept[0].at_eof():  # closed while nobody asked anything
                kept[1].close()
                continue
            try:
                response = await self._exchange(target.port, kept, method, raw, reused=True)
            except _Stale:
                asked += 1
                continue
            return attrs.evolve(response, repeated=asked)
        try:
            opened = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", target.port), TIMEOUT_REAL_SECONDS)
        except (OSError, TimeoutError) as failure:
            raise Unreachable(str(failure), asked) from failure
        try:
            response = await self._exchange(target.port, opened, method, raw, reused=False)
        except Unreachable as failure:
            failure.asked += asked
            raise
        return attrs.evolve(response, repeated=asked)

    async def _exchange(self, port: int, pair: Connection, method: str, raw: bytes, *, reused: bool) -> Response:
        reader, writer = pair
        try:
            writer.write(raw)
            response, keep = await asyncio.wait_for(_read_response(reader, method), TIMEOUT_REAL_SECONDS)
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as failure:
            writer.close()
            nothing_came = isinstance(failure, asyncio.IncompleteReadError) and not failure.partial
            if reused and (nothing_came or isinstance(failure, ConnectionError)):
                raise _Stale from failure
            raise Unreachable(type(failure).__name__, asked=1) from failure
        except asyncio.CancelledError:
            writer.close()
            raise
        if keep:
            self._idle[port].append(pair)
        else:
            writer.close()
        return response

    def close(self) -> None:
        for pairs in self._idle.values():
            for _, writer in pairs:
                writer.close()
        self._idle.clear()


class _Stale(Exception):
    """A kept connection ended under the question: most likely it was closed before, but the question left here."""


async def _read_response(reader: asyncio.StreamReader, method: str) -> tuple[Response, bool]:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = int(first.split(" ", 2)[1])
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name:
            headers[name.strip().lower()] = value.strip()
    keep = headers.get("connection", "").lower() != "close" and not first.startswith("HTTP/1.0")
    body = b""
    if method != "HEAD" and status not in (204, 304) and status >= 200:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int((await reader.readline()).split(b";")[0], 16):
                body += (await reader.readexactly(size + 2))[:-2]
            while (await reader.readline()).strip():
                pass  # trailers
        elif "content-length" in headers:
            length = int(headers["content-length"])
            if length > MAX_BODY:
                raise ValueError("too large")
            body = await reader.readexactly(length)
        else:
            body, keep = await reader.read(MAX_BODY), False
    return Response(status, headers, body), keep
