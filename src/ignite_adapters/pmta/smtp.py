"""Hands messages to PMTA over SMTP: pipelined (RFC 2920), over a few connections that stay open.

Decides what became of each message, nothing else. One group per message: the body of the last one, then
MAIL, RCPT and DATA of the next, so a message costs one round trip. Body transfer is the line that matters:
before its final dot is written a lost connection means "not handed over", from then on "in doubt" until
the reply is read.
"""

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from typing import Final

import attrs

from ignite_domain.campaigns.ports import Injection, InjectionResult, Message

LOST: Final = (OSError, EOFError, asyncio.LimitOverrunError)  # TimeoutError is an OSError, an incomplete read EOF
TRIES: Final = 3
"""How often a message may meet a connection that dies before its body went out."""
_LIMIT: Final = 1 << 16
_UNSPEAKABLE: Final = re.compile(r"[\x00-\x20<>\x7f]|[^\x00-\x7f]")


class _Closing(ConnectionError):
    """The server said 421: it closes this connection; nothing of the message was taken."""


class _NotReady(ConnectionError):
    """The server answered a new connection, and not with 220."""

    def __init__(self, code: int) -> None:
        super().__init__(f"not ready: {code}")
        self.code = code


@attrs.define(eq=False)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    eight_bit: bool
    pipelining: bool
    timeout: float

    async def reply(self) -> int:
        """The code of the next reply, all its lines read. Raises one of `LOST`."""
        while True:
            line = await self.reader.readuntil(b"\n")
            if len(line) < 4 or not line[:3].isdigit():
                raise ConnectionError("no SMTP reply")
            if line[3:4] != b"-":
                return int(line[:3])

    def envelope(self, message: Message) -> list[bytes]:
        body = b" BODY=8BITMIME" if self.eight_bit else b""
        return [
            b"MAIL FROM:<" + message.sender.encode() + b">" + body + b"\r\n",
            b"RCPT TO:<" + message.recipient.encode() + b">\r\n",
            b"DATA\r\n",
        ]

    def abort(self) -> None:
        self.writer.transport.abort()


def _refused(code: int) -> InjectionResult:
    return InjectionResult.REFUSED_PERM if code >= 500 else InjectionResult.REFUSED_TEMP


def dot_stuffed(data: bytes) -> bytes:
    """The body as it stands between DATA's 354 and its reply, final dot included (RFC 5321 §4.5.2)."""
    body = data.replace(b"\r\n.", b"\r\n..")
    if body.startswith(b"."):
        body = b"." + body
    return body + (b".\r\n" if body.endswith(b"\r\n") else b"\r\n.\r\n")


class SmtpInjector:
    """`MailInjector` over SMTP. `connections` are used in parallel and kept between batches.

    `timeout` is real seconds for a connect or a reply. No TLS and no login: PMTA listens to its own
    network, and the demo to the loopback.
    """

    def __init__(
        self, host: str, port: int, *, connections: int = 4, timeout: float = 30.0, helo: str = "ignite.invalid"
    ) -> None:
        self._host = host
        self._port = port
        self._count = connections
        self._timeout = timeout
        self._helo = helo
        self._idle: list[_Connection] = []

    async def inject(self, batch: Sequence[Message]) -> list[Injection]:
        results = [_refusal(message, (0, 553, 0)) for message in batch if not _speakable(message)]
        todo: deque[tuple[Message, int]] = deque((message, TRIES) for message in batch if _speakable(message))
        lanes = min(self._count, len(todo))
        greetings = await asyncio.gather(*(self._lane(todo, results) for _ in range(lanes)))
        # A lane that could not connect leaves its work to the others; what nobody took was not handed over.
        results += [_not_sent(message, max(greetings)) for message, _ in todo]
        return results

    async def close(self) -> None:
        for connection in self._idle:
            try:
                connection.writer.write(b"QUIT\r\n")
                connection.writer.close()
                await asyncio.wait_for(connection.writer.wait_closed(), 1.0)
            except LOST:
                connection.abort()
        self._idle.clear()

    async def _connect(self) -> _Connection:
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(self._host, self._port, limit=_LIMIT), self._timeout
        )
        connection = _Connection(reader, writer, False, False, self._timeout)
        try:
            async with asyncio.timeout(self._timeout):
                if (code := await connection.reply()) != 220:
                    raise _NotReady(code)
                writer.write(b"EHLO " + self._helo.encode() + b"\r\n")
                await self._read_ehlo(connection)
        except BaseException:
            connection.abort()
            raise
        return connection

    @staticmethod
    async def _read_ehlo(connection: _Connection) -> None:
        while True:
            line = await connection.reader.readuntil(b"\n")
            if not line.startswith(b"250"):
                raise ConnectionError("EHLO refused")
            words = line[4:].split()
            keyword = words[0].upper() if words else b""
            connection.eight_bit |= keyword == b"8BITMIME"
            connection.pipelining |= keyword == b"PIPELINING"
            if line[3:4] != b"-":
                return

    async def _lane(self, todo: deque[tuple[Message, int]], results: list[Injection]) -> int:
        """Hand over until nothing is left or no connection comes about; returns the code that said so, or 0."""
        while todo:
            connection = self._idle.pop() if self._idle else None
            if connection is not None and connection.reader.at_eof():
                connection.abort()
                continue
            if connection is None:
                try:
                    connection = await self._connect()
                except _NotReady as busy:
                    return busy.code
                except LOST:
                    return 0
            if await self._drain(connection, todo, results):
                self._idle.append(connection)
            else:  # the others that waited as long are likely as dead
                while self._idle:
                    self._idle.pop().abort()
        return 0

    async def _drain(self, connection: _Connection, todo: deque[tuple[Message, int]], results: list[Injection]) -> bool:
        """Hand over messages until there are none. False: the connection is gone."""
        pending: Message | None = None  # its final dot is out, its reply is not in
        current: tuple[Message, int] | None = None  # its envelope is out, its body is not
        try:
            while todo or current or pending:
                if current is None and todo:
                    current = todo.popleft()
                    lines = connection.envelope(current[0])
                    if connection.pipelining:
                        connection.writer.write(b"".join(lines))
                if pending is not None:
                    code = await self._reply(connection)
                    results.append(_after_body(pending, code))
                    pending = None
                    if code == 421:
                        raise _Closing
                if current is None:
                    continue
                message = current[0]
                codes = await self._envelope_replies(connection, lines)
                if codes[2] == 354 and codes[1] < 300:
                    current = None
                    pending = message
                    connection.writer.write(dot_stuffed(message.data))
                    await asyncio.wait_for(connection.writer.drain(), self._timeout)
                    continue
                if codes[2] == 354:  # a server that wants a body for nobody gets an empty one
                    connection.writer.write(b".\r\n")
                    await self._reply(connection)
                if 421 in codes:
                    raise _Closing
                current = None
                results.append(_refusal(message, codes))
                connection.writer.write(b"RSET\r\n")  # MAIL may have been taken: the next one must not be nested
                await self._reply(connection)
        except LOST:
            connection.abort()
            if pending is not None:
                results.append(Injection(pending.key, InjectionResult.IN_DOUBT, 0, "body"))
            if current is not None:
                message, tries = current
                if tries > 1:
                    todo.append((message, tries - 1))
                else:
                    results.append(_not_sent(message))
            return False
        except BaseException:  # cancelled: the caller decides; the bytes cannot be taken back
            connection.abort()
            raise
        return True

    async def _reply(self, connection: _Connection) -> int:
        async with asyncio.timeout(self._timeout):
            return await connection.reply()

    async def _envelope_replies(self, connection: _Connection, lines: Sequence[bytes]) -> tuple[int, int, int]:
        """Reply codes of MAIL, RCPT, DATA; without pipelining a step that fails ends it (the rest repeat it)."""
        codes: list[int] = []
        for line in lines:
            if not connection.pipelining:
                connection.writer.write(line)
            code = await self._reply(connection)
            codes.append(code)
            if not connection.pipelining and code >= 400:
                break
        return codes[0], codes[1] if len(codes) > 1 else codes[-1], codes[2] if len(codes) > 2 else codes[-1]


def _speakable(message: Message) -> bool:
    """Whether the envelope can stand on an SMTP line: nothing in it may end the line or the path."""
    return not _UNSPEAKABLE.search(message.sender + message.recipient)


def _not_sent(message: Message, code: int = 0) -> Injection:
    return Injection(message.key, InjectionResult.REFUSED_TEMP, code, "connect")


def _after_body(message: Message, code: int) -> Injection:
    if 200 <= code < 300:
        return Injection(message.key, InjectionResult.ACCEPTED, code, "body")
    return Injection(message.key, _refused(code), code, "body")


def _refusal(message: Message, codes: tuple[int, int, int]) -> Injection:
    """The first step that was refused names the reason."""
    for where, code in zip(("MAIL", "RCPT", "DATA"), codes, strict=True):
        if code >= 400:
            return Injection(message.key, _refused(code), code, where)
    return Injection(message.key, InjectionResult.REFUSED_TEMP, codes[2], "DATA")
