"""PMTA's SMTP listener: pipelined, fast, one protocol object per connection.

Decides what is accepted at the door and reads PMTA's own headers off the message. What becomes of an
accepted message is `Intake`'s business. A reply to the end of DATA is sent only after the message is
in the journal, so what was accepted is not lost.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final, cast

import attrs

from ignite_app.simulator.messages import split_headers

MAX_SIZE: Final = 54_525_952
MAX_LINE: Final = 4096
HOST: Final = "mta.ignite.example"
_PATH: Final = re.compile(rb"(?:FROM|TO):\s*<([^<>\s]*)>(.*)\Z", re.IGNORECASE | re.DOTALL)
_OURS: Final = frozenset({b"x-virtual-mta", b"x-job", b"x-envid"})


@attrs.frozen
class Envelope:
    """One accepted message, PMTA's headers taken off `data` and out of `fields`."""

    orig: str
    rcpts: tuple[str, ...]
    vmta: str
    job: str
    envid: str
    fields: list[bytes]
    body: bytes
    size: int
    source: str


Accept = Callable[[Envelope], str]
"""Takes the message in; returns the reply line."""


@attrs.define
class Door:
    """The switch at the door. `refusal`: a reply such as `451 4.3.2 …` that every MAIL command gets."""

    refusal: str = ""


class SmtpSession(asyncio.Protocol):
    """One connection. Replies of one read are written together (RFC 2920)."""

    def __init__(self, accept: Accept, door: Door) -> None:
        self._accept = accept
        self._door = door
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._in_data = False
        self._scan = 0
        self._peer = ""
        self._client = "unknown"
        self._transport: asyncio.Transport | None = None
        self._reset()

    def _reset(self) -> None:
        self._orig: str | None = None
        self._envid = ""
        self._rcpts: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = str((transport.get_extra_info("peername") or ("unknown",))[0])
        self._reply(f"220 {HOST} (PowerMTA(TM) v5.0r8) ESMTP service ready")
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._transport and not self._transport.is_closing():
            if not (self._take_message() if self._in_data else self._take_line()):
                break
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def _reply(self, line: str) -> None:
        self._out.append(line.encode("utf-8", "replace") + b"\r\n")

    def _send(self) -> None:
        if self._out and self._transport:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _take_line(self) -> bool:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > MAX_LINE:
                self._end("500 5.5.2 line too long")
            return False
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        verb, _, rest = line.partition(b" ")
        handler = self._VERBS.get(verb.upper())
        if handler is None:
            self._reply("500 5.5.1 command unrecognized")
        else:
            handler(self, rest.strip())
        return True

    def _hello(self, rest: bytes) -> None:
        self._client = rest.decode("ascii", "replace") or "unknown"
        self._reset()
        for line in (f"{HOST} says hello", "ENHANCEDSTATUSCODES", "PIPELINING", "8BITMIME", "DSN"):
            self._reply(f"250-{line}")
        self._reply(f"250 SIZE {MAX_SIZE}")

    def _helo(self, rest: bytes) -> None:
        self._client = rest.decode("ascii", "replace") or "unknown"
        self._reset()
        self._reply(f"250 {HOST} says hello")

    def _mail(self, rest: bytes) -> None:
        match = _PATH.match(rest)
        if self._door.refusal:
            self._reply(self._door.refusal)
        elif self._orig is not None:
            self._reply("503 5.5.1 nested MAIL command")
        elif not match:
            self._reply("501 5.5.2 syntax error in MAIL command")
        elif (size := re.search(rb"\bSIZE=(\d+)", match[2], re.IGNORECASE)) and int(size[1]) > MAX_SIZE:
            self._reply("552 5.3.4 message too big")
        else:
            self._orig = match[1].decode("utf-8", "replace")
            envid = re.search(rb"\bENVID=(\S+)", match[2], re.IGNORECASE)
            self._envid = envid[1].decode("ascii", "replace") if envid else ""
            self._reply("250 2.1.0 sender ok")

    def _rcpt(self, rest: bytes) -> None:
        match = _PATH.match(rest)
        if self._orig is None:
            self._reply("503 5.5.1 MAIL first")
        elif not match or b"@" not in match[1]:
            self._reply("501 5.1.3 bad recipient address syntax")
        elif not match[1].isascii():
            self._reply("553 5.6.7 SMTPUTF8 is not offered")
        else:
            self._rcpts.append(match[1].decode())
            self._reply("250 2.1.5 recipient ok")

    def _data(self, rest: bytes) -> None:
        if not self._rcpts:
            self._reply("503 5.5.1 no valid recipients")
            return
        self._in_data, self._scan = True, 0
        self._reply("354 send message")

    def _rset(self, rest: bytes) -> None:
        self._reset()
        self._reply("250 2.0.0 ok")

    def _noop(self, rest: bytes) -> None:
        self._reply("250 2.0.0 ok")

    def _quit(self, rest: bytes) -> None:
        self._end(f"221 2.0.0 {HOST} says goodbye")

    def _end(self, line: str) -> None:
        self._reply(line)
        self._send()
        if self._transport:
            self._transport.close()

    def _take_message(self) -> bool:
        empty = self._buffer[:3] == b".\r\n"
        end = 0 if empty else self._buffer.find(b"\r\n.\r\n", max(0, self._scan - 4))
        if end < 0:
            self._scan = len(self._buffer)
            if self._scan > MAX_SIZE:
                self._end("552 5.3.4 message too big")
            return False
        data = b"" if empty else bytes(self._buffer[: end + 2])
        del self._buffer[: 3 if empty else end + 5]
        self._in_data = False
        if data.startswith(b"."):
            data = data[1:]
        self._finish(data.replace(b"\r\n..", b"\r\n."))
        return True

    def _finish(self, data: bytes) -> None:
        fields, body = split_headers(data)
        mine = dict.fromkeys(_OURS, b"")
        kept = []
        for field in fields:
            name, _, value = field.partition(b":")
            if (lower := name.strip().lower()) in _OURS:
                mine[lower] = value.strip()
            else:
                kept.append(field)
        orig, rcpts, envid = self._orig or "", tuple(self._rcpts), self._envid
        self._reset()
        self._reply(
            self._accept(
                Envelope(
                    orig=orig,
                    rcpts=rcpts,
                    vmta=mine[b"x-virtual-mta"].decode("utf-8", "replace"),
                    job=mine[b"x-job"].decode("utf-8", "replace"),
                    envid=mine[b"x-envid"].decode("utf-8", "replace") or envid,
                    fields=kept,
                    body=body,
                    size=len(data),
                    source=f"{self._client} ({self._peer})",
                )
            )
        )

    _VERBS: Final[dict[bytes, Callable[["SmtpSession", bytes], None]]] = {
        b"EHLO": _hello,
        b"HELO": _helo,
        b"MAIL": _mail,
        b"RCPT": _rcpt,
        b"DATA": _data,
        b"RSET": _rset,
        b"NOOP": _noop,
        b"QUIT": _quit,
    }
