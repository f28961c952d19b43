"""A very small SMTP server for tests: pipelining, one reply table, and cut connections on demand."""

import asyncio
from collections.abc import Callable
from typing import Any


class TinySmtp:
    """`script(step, address, count)` returns a reply code, or 'cut' to drop the connection, or None for yes.

    Steps: connect, MAIL, RCPT, DATA, body (after the final dot, before storing), stored (after storing).
    """

    def __init__(self, script: Callable[[str, str, int], Any] = lambda *_: None) -> None:
        self.script = script
        self.messages: list[tuple[str, bytes]] = []
        self.connections = 0
        self.port = 0

    async def __aenter__(self) -> "TinySmtp":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: Any) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (EOFError, OSError):
            pass
        finally:
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        recipient, mail, taken = "", False, 0
        greeting = self.script("connect", "", self.connections)
        if greeting is not None:
            if greeting != "cut":
                writer.write(f"{greeting} tiny is busy\r\n".encode())
                await writer.drain()
            return
        writer.write(b"220 tiny\r\n")
        while True:
            line = (await reader.readuntil(b"\r\n")).decode()
            verb = line[:4].upper()
            if verb == "EHLO":
                writer.write(b"250-tiny\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
                continue
            if verb == "RSET":
                mail, recipient = False, ""
                writer.write(b"250 ok\r\n")
                continue
            if verb == "QUIT":
                writer.write(b"221 bye\r\n")
                await writer.drain()
                return
            address = line.partition("<")[2].partition(">")[0]
            step = verb if verb in ("MAIL", "RCPT", "DATA") else "?"
            order = {"MAIL": not mail, "RCPT": mail, "DATA": bool(recipient)}.get(step, False)
            code = self.script(step, address or recipient, taken) if order else 503
            if code == "cut":
                return
            if code:
                writer.write(b"%d no\r\n" % code)
                if code == 421:
                    await writer.drain()
                    return
                continue
            if step == "MAIL":
                mail = True
            elif step == "RCPT":
                recipient = address
            else:
                writer.write(b"354 go\r\n")
                data = await reader.readuntil(b"\r\n.\r\n")
                code = self.script("body", recipient, taken)
                if code == "cut":
                    return
                if not code:
                    taken += 1
                    self.messages.append((recipient, data[:-3].replace(b"\r\n..", b"\r\n.")))
                    if self.script("stored", recipient, taken) == "cut":
                        return
                writer.write(b"%d done\r\n" % (code or 250))
                mail, recipient = False, ""
                continue
            writer.write(b"250 ok\r\n")
