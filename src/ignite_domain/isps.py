"""Which mailbox provider a domain belongs to, and which limiter it meets there.

Two questions that look alike and are not: the *brand* (`isp_of`, a label on people, signals and
agents) and the *limiter group* (`limiter_group`, whose rate limits a message will meet). cox.net is
Cox to its readers and Yahoo to the MTA. Source: facts on ISP domains and MX hosts, as of 2026-11.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final


class Isp(StrEnum):
    """The eight brands with agents of their own. `None` stands for everyone else."""

    GMAIL = "gmail"
    YAHOO = "yahoo"
    MICROSOFT = "microsoft"
    APPLE = "apple"
    COMCAST = "comcast"
    ATT = "att"
    COX = "cox"
    CHARTER = "charter"

    @property
    def shown(self) -> str:
        """Its name as people write it."""
        return "AT&T" if self is Isp.ATT else self.value.capitalize()


_DOMAINS: Final[dict[Isp, str]] = {
    Isp.GMAIL: "gmail.com googlemail.com",
    Isp.YAHOO: "ymail.com rocketmail.com aol.com aim.com verizon.net frontier.com rogers.com",
    Isp.MICROSOFT: "msn.com passport.com",
    Isp.APPLE: "icloud.com me.com mac.com",
    Isp.COMCAST: "comcast.net xfinity.com",
    Isp.ATT: (
        "att.net ameritech.net bellsouth.net currently.com flash.net nvbell.net pacbell.net prodigy.net "
        "sbcglobal.net snet.net swbell.net wans.net worldnet.att.net"
    ),
    Isp.COX: "cox.net",
    Isp.CHARTER: "charter.net spectrum.net twc.com brighthouse.com roadrunner.com",
}
_BY_DOMAIN: Final[dict[str, Isp]] = {name: isp for isp, names in _DOMAINS.items() for name in names.split()}

_FIRST_LABEL: Final[dict[str, Isp]] = {
    "yahoo": Isp.YAHOO,
    "outlook": Isp.MICROSOFT,
    "hotmail": Isp.MICROSOFT,
    "live": Isp.MICROSOFT,
}
"""Brands that own their name under many country endings: yahoo.co.uk, hotmail.fr, live.com.au."""

_FOREIGN: Final[frozenset[str]] = frozenset({"yahoo.co.jp", "yahoo.ne.jp"})
"""Look like a brand and are run by someone else (yahoo.co.jp is not Yahoo Inc)."""

BRAND_DOMAINS: Final[dict[str, Isp]] = (
    _BY_DOMAIN | {f"{name}.com": isp for name, isp in _FIRST_LABEL.items()} | {"rr.com": Isp.CHARTER}
)
"""The brands' own domains, country endings left out: those whose MX hosts are worth watching."""

_MX: Final[tuple[tuple[str, str, Isp | None], ...]] = (
    # suffix of the MX host, limiter group, brand of a domain that is hosted there
    (".google.com", "gmail", Isp.GMAIL),
    (".googlemail.com", "gmail", Isp.GMAIL),
    (".yahoodns.net", "yahoo", Isp.YAHOO),
    (".olc.protection.outlook.com", "microsoft", Isp.MICROSOFT),
    (".mail.protection.outlook.com", "microsoft-business", Isp.MICROSOFT),
    (".mx.microsoft", "microsoft-business", Isp.MICROSOFT),
    (".icloud.com", "apple", Isp.APPLE),
    (".comcast.net", "comcast", Isp.COMCAST),
    (".cox.net", "cox", Isp.COX),
    (".cloudfilter.net", "cox", None),  # a filter that Cox used among others: names no brand
    (".charter.net", "charter", Isp.CHARTER),
)

_DEFAULT_GROUP: Final[dict[Isp, str]] = {isp: isp.value for isp in Isp} | {
    Isp.ATT: "yahoo",  # att domains moved to Yahoo's MX in June 2025
    Isp.COX: "yahoo",  # cox.net moved on 2024-10-01
}
"""The limiter of a brand when nobody has asked DNS yet."""


def _match_mx(hosts: Sequence[str]) -> tuple[str, Isp | None] | None:
    for host in hosts:
        name = "." + host.rstrip(".").lower()
        for suffix, group, brand in _MX:
            if name.endswith(suffix):
                return group, brand
    return None


def isp_of(domain: str, mx_hosts: Sequence[str] = ()) -> Isp | None:
    """Return the brand of `domain` (ASCII or IDNA form, any case), or None for "elsewhere".

    The domain table speaks first: an AT&T address stays AT&T on Yahoo's MX. A domain the table does not
    know is labelled by its MX hosts, best preference first (a company on Google is gmail).
    """
    name = domain.rstrip(".").lower()
    if name in _FOREIGN:
        return None
    if name in _BY_DOMAIN:
        return _BY_DOMAIN[name]
    if name.endswith(".rr.com") or name == "rr.com":
        return Isp.CHARTER
    first, _, ending = name.partition(".")
    if first in _FIRST_LABEL and 0 < len(ending) <= 6 and ending.count(".") <= 1:
        return _FIRST_LABEL[first]
    match = _match_mx(mx_hosts)
    return match[1] if match else None


def limiter_group(mx_hosts: Sequence[str], domain: str) -> str:
    """Return the name of the rate limiter that mail to `domain` meets.

    MX hosts decide where they are known; else the brand's usual group; else the domain itself.
    """
    match = _match_mx(mx_hosts)
    if match:
        return match[0]
    isp = isp_of(domain)
    if isp is not None and not mx_hosts:
        return _DEFAULT_GROUP[isp]
    return isp.value if isp is not None else domain.rstrip(".").lower()
