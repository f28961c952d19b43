"""An authoritative name server for the whole simulated internet, on the loopback, UDP and TCP.

Decides how the world's destinations look in DNS; which exist is `world`'s business. Every domain of the
world has MX and A records or a reason to have none: NXDOMAIN, a null MX (RFC 7505), SERVFAIL.
"""

import asyncio
from typing import Final, cast

import attrs
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

from ignite_app.simulator.http_door import hang_up
from ignite_app.simulator.records import address_of
from ignite_app.simulator.world import MX_HOSTS, Reach, World

TTL: Final = 3600
_HOSTS: Final = frozenset(host for hosts in MX_HOSTS.values() for host in hosts)
_HOST_PREFIXES: Final = ("mx.", "mx1.", "mx2.")


@attrs.frozen(eq=False)
class NameServer:
    world: World

    def answer(self, wire: bytes) -> bytes | None:
        """The reply to one query; None for what is not one."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        if query.flags & dns.flags.QR or query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            return None
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        records = self._records(name, kind)
        if isinstance(records, list):
            if records:
                reply.answer.append(dns.rrset.from_text_list(question.name, TTL, "IN", kind, records))
        else:
            reply.set_rcode(records)
        return bytes(reply.to_wire())

    def _records(self, name: str, kind: str) -> list[str] | dns.rcode.Rcode:
        if name in _HOSTS or name.startswith(_HOST_PREFIXES) or name.endswith(".mail.protection.outlook.com"):
            return [address_of(name)] if kind == "A" else []
        destination = self.world.destination(name)
        if destination.reach is Reach.NO_DOMAIN:
            return dns.rcode.NXDOMAIN
        if destination.reach is Reach.DNS_FAILS:
            return dns.rcode.SERVFAIL
        if kind == "MX":
            if destination.reach is Reach.NULL_MX:
                return ["0 ."]
            return [f"{10 * place} {host}." for place, host in enumerate(destination.mx, 1)]
        return [address_of(name)] if kind == "A" and destination.reach is not Reach.NULL_MX else []


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # the loop's own class is no subclass

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._server.answer(data)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


@attrs.define(eq=False)
class DnsDoor:
    """UDP and TCP on one port of 127.0.0.1."""

    server: NameServer
    port: int = 0
    _udp: asyncio.DatagramTransport | None = None
    _tcp: asyncio.Server | None = None
    _open: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = attrs.field(factory=dict)

    async def listen(self) -> None:
        self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._tcp.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Udp(self.server), local_addr=("127.0.0.1", self.port)
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[asyncio.current_task()] = writer
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(2))
                reply = self.server.answer(await reader.readexactly(size))
                if reply is None:
                    break
                writer.write(len(reply).to_bytes(2) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            self._open.pop(asyncio.current_task(), None)
            writer.close()

    async def shut(self) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
            await hang_up(self._open)
            await self._tcp.wait_closed()
