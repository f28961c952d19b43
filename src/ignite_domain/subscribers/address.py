"""What an e-mail address is here: its canonical form, its hash, and why a text is not one.

Decides syntax only. Whether the mailbox exists is `verification`, whether it may get mail is `gate`.

Canonical form: surrounding decoration off (blanks, quotes, `mailto:`, `Name <...>`), lower case throughout,
domain in ASCII (A-labels). Lower-casing the local part merges addresses that RFC 5321 allows to differ;
no provider in use tells them apart, and every suppression list in the trade hashes the lower-case form.
Dots and +tags are kept: whether they matter is the provider's business.

Non-ASCII domains: labels are NFKC-folded, lower-cased and Punycode-encoded as IDNA2008 does (`ß` stays
itself, unlike in the standard library's IDNA2003 codec, where straße.de would become another domain).
Limit: letters, marks and digits are let through by Unicode category; the contextual and bidi rules of
IDNA2008 are not checked, so a name that no registry would sell can pass and then fails at DNS.
Sources: RFC 5321 §4.5.3.1 (sizes), RFC 5322 §3.2.3 (dot-atom), RFC 1123 §2.1 (labels), RFC 5890-5892.
"""

import re
import unicodedata
from enum import StrEnum
from hashlib import md5
from typing import Final

import attrs

from ignite_domain.errors import BadInput

MAX_ADDRESS: Final = 254
MAX_LOCAL: Final = 64
MAX_DOMAIN: Final = 253
MAX_LABEL: Final = 63

_ATEXT: Final = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN: Final = re.compile(rf"({_ATEXT}+(?:\.{_ATEXT}+)*)@((?:{_LABEL}\.)+(?!\d+$){_LABEL})")
_LOCAL: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?!\d+$){_LABEL}")
_BRACKETED: Final = re.compile(r"^[^<>@]*<([^<>]+)>$")
_EDGE: Final = " \t\r\n\v\f\u00a0\u200b\u200c\u200d\u2060\ufeff\"'`,;"
_LETTERS: Final = frozenset({"Ll", "Lo", "Lm", "Mn", "Mc", "Nd"})
_DOTS: Final = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
_MD5: Final = re.compile(r"[0-9a-fA-F]{32}")


class AddressFault(StrEnum):
    """Why a text is not an address. The values are the import's rejection reasons."""

    EMPTY = "no_address"
    SYNTAX = "syntax"
    DOMAIN = "domain_syntax"
    TOO_LONG = "too_long"
    SMTPUTF8 = "smtputf8"  # would be an address, only where SMTPUTF8 is spoken


def _ascii_domain(domain: str) -> str | None:
    """The A-label form of `domain`, or None if it has none."""
    labels = []
    for label in unicodedata.normalize("NFKC", domain.translate(_DOTS)).lower().split("."):
        if label.isascii():
            labels.append(label)
            continue
        if unicodedata.category(label[0]).startswith("M"):
            return None  # RFC 5891 §4.2.3.2
        if any(char != "-" and unicodedata.category(char) not in _LETTERS for char in label):
            return None
        labels.append("xn--" + label.encode("punycode").decode("ascii"))
    name = ".".join(labels)
    return name if len(name) <= MAX_DOMAIN and _DOMAIN.fullmatch(name) else None


def canonical(text: str) -> str | AddressFault:
    """Return the canonical form of the address in `text`, or why there is none. Never raises.

    >>> canonical(' "Ann" <Ann.Lee@EXAMPLE.com> ')
    'ann.lee@example.com'
    """
    value = text.strip(_EDGE)
    if not value:
        return AddressFault.EMPTY
    if value[-1] == ">" and (inner := _BRACKETED.match(value)):
        value = inner[1].strip(_EDGE)
    value = value.lower()
    if value.startswith("mailto:"):
        value = value[7:].strip(_EDGE)
    plain = _PLAIN.fullmatch(value)
    if plain:
        if len(value) > MAX_ADDRESS or len(plain[1]) > MAX_LOCAL or len(plain[2]) > MAX_DOMAIN:
            return AddressFault.TOO_LONG
        return value
    return _slowly(value)


def _slowly(value: str) -> str | AddressFault:
    """The same for a lower-case value that is not plainly ASCII and well-formed."""
    local, at, domain = value.rpartition("@")
    if not at or not local or "@" in local:
        return AddressFault.SYNTAX
    name = _ascii_domain(domain)
    if local.isascii():
        if not _LOCAL.fullmatch(local):
            return AddressFault.SYNTAX
        if name is None:
            return AddressFault.DOMAIN
        if len(local) > MAX_LOCAL or len(local) + 1 + len(name) > MAX_ADDRESS:
            return AddressFault.TOO_LONG
        return f"{local}@{name}"
    if name is None:
        return AddressFault.DOMAIN
    # RFC 6531 adds every character above ASCII to atext; controls and blanks stay out.
    if any(unicodedata.category(char)[0] in "CZ" for char in local):
        return AddressFault.SYNTAX
    as_ascii = "".join(char if char.isascii() else "x" for char in local)
    return AddressFault.SMTPUTF8 if _LOCAL.fullmatch(as_ascii) else AddressFault.SYNTAX


def hash_of(address: str) -> str:
    """Return the MD5 of a canonical address, 32 lower-case hex digits: the key of every suppression list."""
    return md5(address.encode(), usedforsecurity=False).hexdigest()


def md5_in(text: str) -> str | None:
    """Return the MD5 that `text` is (any case, decoration off), or None."""
    value = text.strip(_EDGE)
    return value.lower() if _MD5.fullmatch(value) else None


class BadAddress(BadInput):
    """A text that is not an address. Its message names the fault, never the text."""

    def __init__(self, fault: AddressFault) -> None:
        super().__init__(f"not an e-mail address: {fault.value}")
        self.fault = fault


@attrs.frozen(repr=False)
class EmailAddress:
    """An address in canonical form. `repr` hides it; `str` is the address."""

    text: str

    @classmethod
    def parse(cls, text: str) -> "EmailAddress":
        """Raises `BadAddress` with the fault."""
        value = canonical(text)
        if isinstance(value, AddressFault):
            raise BadAddress(value)
        return cls(value)

    @property
    def domain(self) -> str:
        return self.text.rpartition("@")[2]

    @property
    def md5(self) -> str:
        return hash_of(self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"EmailAddress(md5={self.md5})"
