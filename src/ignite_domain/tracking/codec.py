"""Signed link tokens: what an e-mail's links, pixel and beacons carry, and nothing a visitor can change.

Decides whether a token is ours. What it leads to is compiled from the variant (`rewriting`), never read
from the request. Layout, 24 bytes, 32 characters of base64url without padding:

    key id (1) | kind (1) | send id (6) | link (2) | day (2) | HMAC-SHA256 of the first 12, cut to 96 bits (12)

24 bytes fill their 32 characters exactly, so no two spellings of one token exist.
"""

import base64
import hashlib
import hmac
import re
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final

import attrs

from ignite_domain.errors import BadInput

_BODY: Final = struct.Struct(">BBHIHH")
_TAG: Final = 12
_SPELLING: Final = re.compile(r"[A-Za-z0-9_-]{32}")
MAX_SEND_ID: Final = (1 << 48) - 1
MAX_LINK: Final = 0xFFFF
EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
MIN_SECRET: Final = 16


class TokenKind(IntEnum):
    """What following the token means. Part of the signed bytes: no kind can pose as another."""

    OPEN = 1
    CLICK = 2
    HONEYPOT = 3  # the invisible link that only software follows
    UNSUBSCRIBE = 4
    VISIT_HUMAN = 5  # the `eid` of a site visit that began with a person's click
    VISIT_MACHINE = 6


@attrs.frozen
class Token:
    """`link` counts the variant's tracked links from 0. `day` is whole days since 2020-01-01 UTC."""

    kind: TokenKind
    send_id: int
    link: int = 0
    day: int = 0

    def older_than(self, age: timedelta, now: datetime) -> bool:
        """True if it was issued more than `age` before `now` (whole days)."""
        return day_of(now) - self.day > age.days


def day_of(at: datetime) -> int:
    """Days from 2020-01-01 UTC to `at`, at least 0 and at most 65535 (the year 2199)."""
    return min(max((at - EPOCH).days, 0), 0xFFFF)


@attrs.frozen
class LinkCodec:
    """Signs with the first secret and accepts all of them, so that a secret can be replaced in peace.

    A secret's key id is derived from the secret itself: there is no number to maintain.
    """

    _keys: tuple[tuple[int, bytes], ...] = attrs.field(repr=False)

    @classmethod
    def of(cls, secrets: Sequence[str]) -> "LinkCodec":
        """`secrets`: current first, then those still accepted. Each at least 16 characters, else BadInput."""
        if not secrets or any(len(secret) < MIN_SECRET for secret in secrets):
            raise BadInput(f"a tracking secret needs at least {MIN_SECRET} characters")
        keys = []
        for secret in secrets:
            key = hashlib.sha256(b"ignite link key\0" + secret.encode()).digest()
            keys.append((hashlib.sha256(b"ignite key id\0" + key).digest()[0], key))
        return cls(tuple(keys))

    def encode(self, token: Token) -> str:
        """The token as 32 characters of [A-Za-z0-9_-]. Out of range ids raise BadInput."""
        if not (0 <= token.send_id <= MAX_SEND_ID and 0 <= token.link <= MAX_LINK and 0 <= token.day <= 0xFFFF):
            raise BadInput("a link token cannot carry this send, link or day")
        key_id, key = self._keys[0]
        send_high, send_low = token.send_id >> 32, token.send_id & 0xFFFFFFFF
        body = _BODY.pack(key_id, token.kind, send_high, send_low, token.link, token.day)
        return base64.urlsafe_b64encode(body + _tag(key, body)).decode()

    def decode(self, text: str) -> Token | None:
        """The token, or None if it is not exactly one that was signed with a known secret."""
        if not _SPELLING.fullmatch(text):  # the base64 module would take "+" for "-", too
            return None
        raw = base64.urlsafe_b64decode(text)
        body, tag = raw[: _BODY.size], raw[_BODY.size :]
        genuine = False
        for key_id, key in self._keys:
            if key_id == body[0] and hmac.compare_digest(tag, _tag(key, body)):
                genuine = True
        if not genuine:
            return None
        _, kind, send_high, send_low, link, day = _BODY.unpack(body)
        return Token(TokenKind(kind), (send_high << 32) | send_low, link, day)


def _tag(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")[:_TAG]
