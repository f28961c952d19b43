"""`MxLookup` by dnspython's async resolver: MX, else A or AAAA of the domain itself, null MX, NXDOMAIN.

Only an authoritative no (NXDOMAIN, NODATA, null MX) is an answer against a domain; time-outs, SERVFAIL,
refusals and malformed answers are UNKNOWN.
"""

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
from dns.rdtypes.ANY.MX import MX

from ignite_domain.verification import MxAnswer, MxKind

_UNKNOWN = MxAnswer(MxKind.UNKNOWN)


class DnsMxLookup:
    """`nameserver` is "ip:port" (or "[ipv6]:port"); empty: the system's resolvers. `timeout`: real seconds."""

    def __init__(self, nameserver: str = "", timeout: float = 5.0) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=not nameserver)
        if nameserver:
            host, _, port = nameserver.rpartition(":")
            self._resolver.nameservers = [host.strip("[]")]
            self._resolver.port = int(port)
        self._resolver.lifetime = timeout
        self._resolver.timeout = timeout / 2

    async def __call__(self, domain: str) -> MxAnswer:
        try:
            name = dns.name.from_text(domain)
        except dns.exception.DNSException:
            return MxAnswer(MxKind.NXDOMAIN)  # cannot exist
        try:
            answer = await self._resolver.resolve(name, "MX", search=False)
        except dns.resolver.NXDOMAIN:
            return MxAnswer(MxKind.NXDOMAIN)
        except dns.resolver.NoAnswer:
            return await self._implicit(name, domain)
        except (dns.exception.DNSException, OSError):
            return _UNKNOWN
        records = sorted(
            (record.preference, record.exchange.to_text(omit_final_dot=True).lower())
            for record in answer
            if isinstance(record, MX)
        )
        hosts = tuple(host for _, host in records if host not in ("", "."))
        return MxAnswer(MxKind.MX, hosts) if hosts else MxAnswer(MxKind.NULL_MX)

    async def _implicit(self, name: dns.name.Name, domain: str) -> MxAnswer:
        unknown = False
        for kind in ("A", "AAAA"):
            try:
                await self._resolver.resolve(name, kind, search=False)
            except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
                continue
            except (dns.exception.DNSException, OSError):
                unknown = True
                continue
            return MxAnswer(MxKind.IMPLICIT, (domain,))
        return _UNKNOWN if unknown else MxAnswer(MxKind.NO_HOST)
