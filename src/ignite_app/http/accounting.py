"""`POST /api/v1/accounting/{host}`: a host pushes its accounting files, signed with a secret of its own.

Decides who may push and whether a push is well-formed; what its lines say is the ingest worker's to read. The
signature covers when, where and what, so that a push that was overheard can neither be laid into another file
nor be sent again later; sent again at once it changes nothing.
"""

import asyncio
import hashlib
import hmac
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs
import structlog
from litestar import Request, Response, post
from litestar.exceptions import NotAuthorizedException
from litestar.params import FromPath, FromQuery

from ignite_adapters.pmta import files
from ignite_adapters.postgres.pushed import OffsetConflict, PushedFiles
from ignite_app.clock import Clock
from ignite_app.http.problems import problem
from ignite_domain.errors import BadInput

log = structlog.get_logger("ignite.push")
PATH: Final = "/api/v1/accounting/{host:str}"
MAX_PUSH: Final = 8 << 20
"""Bytes of a body as it is sent."""
MAX_LINES: Final = 64 << 20
"""Bytes of what a gzipped body holds."""
TOLERANCE: Final = timedelta(minutes=5)
"""How far the sender's clock may be from ours."""
_IDENTITY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}", re.ASCII)
_REFUSED: Final = "the signature is missing, too old, or not that of this host"


@attrs.frozen
class PushDeps:
    """`secrets`: host name -> secret. An unknown host is refused as a wrong signature is."""

    files: PushedFiles
    secrets: Mapping[str, str]
    clock: Clock


def signature(secret: str, timestamp: str, target: str, body: bytes) -> str:
    """HMAC-SHA256, in hex, over the timestamp (Unix seconds), the request's path with its query, and the body."""
    signed = f"{timestamp}\n{target}\n".encode() + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def routes(deps: PushDeps) -> list[Any]:
    """The handler, for the app factory. It needs no API key."""

    async def authentic(request: Request[Any, Any, Any], host: str) -> bytes:
        secret = deps.secrets.get(host, "")
        stamp = request.headers.get("x-ignite-timestamp", "")
        given = request.headers.get("x-ignite-signature", "").removeprefix("sha256=")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12 and given):
            raise NotAuthorizedException(_REFUSED)
        late = abs(deps.clock.now() - datetime.fromtimestamp(int(stamp), UTC)) > TOLERANCE
        fits, body = False, b""
        if secret and not late:  # a stranger's body is not even read
            query = bytes(request.scope["query_string"]).decode("latin-1")
            target = request.scope["path"] + (f"?{query}" if query else "")
            body = await request.body()
            expected = signature(secret, stamp, target, body)
            fits = hmac.compare_digest(expected.encode(), given.lower().encode("utf-8", "replace"))
        if not fits:
            log.warning("push.refused", known_host=bool(secret), late=late)
            raise NotAuthorizedException(_REFUSED)
        return body

    @post(PATH, status_code=200, request_max_body_size=MAX_PUSH, tags=["feeds"])
    async def push(
        request: Request[Any, Any, Any],
        host: FromPath[str],
        file: FromQuery[str],
        identity: FromQuery[str],
        offset: FromQuery[int],
        final: FromQuery[bool] = False,
    ) -> Response[dict[str, Any]]:
        """The bytes of `file` from `offset` on, header line included, as they stand there; gzip as content encoding.

        `identity` names this very file for its life (device and inode, or a hash of its beginning), whatever it
        is called later; `final` says that nothing will follow. Answers `received`: where the next push begins,
        with 409 if this one did not begin there.
        """
        body = await authentic(request, host)
        if not files.wanted(file) or "/" in file or len(file) > 200:
            raise BadInput("file: must be the name of an accounting file, such as acct-2026-11-02-0001.csv")
        if not _IDENTITY.fullmatch(identity):
            raise BadInput("identity: letters, digits and . _ : - are allowed, at most 100")
        if not 0 <= offset < 1 << 62:
            raise BadInput("offset: must be 0 or above")
        encoding = request.headers.get("content-encoding", "").strip().lower()
        lines = await asyncio.to_thread(_plain, body, encoding)
        name = file.removesuffix(".gz")  # the offset counts what it holds
        try:
            received = await deps.files.append(host, identity, name, offset, lines, deps.clock.now(), closed=final)
        except OffsetConflict as wrong:
            return problem(409, str(wrong), expected=wrong.expected)
        return Response({"received": received})

    return [push]


def _plain(body: bytes, encoding: str) -> bytes:
    """The body without its content encoding. Raises `BadInput` if it cannot be read or is too much."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise BadInput("content-encoding: gzip or none")
    unpack = zlib.decompressobj(wbits=31)
    try:
        lines = unpack.decompress(body, MAX_LINES + 1)
    except zlib.error:
        raise BadInput("body: not gzip") from None
    if len(lines) > MAX_LINES:
        raise BadInput(f"body: holds more than {MAX_LINES >> 20} MiB; push it in parts")
    if not unpack.eof or unpack.unused_data:
        raise BadInput("body: one whole gzip member is expected")
    return lines
