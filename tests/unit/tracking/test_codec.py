"""A link token is exactly what was signed, or nothing."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_domain.errors import BadInput
from ignite_domain.tracking import LinkCodec, Token, TokenKind
from ignite_domain.tracking.codec import MAX_LINK, MAX_SEND_ID, day_of

CODEC = LinkCodec.of(["the secret of these tests"])
tokens = st.builds(
    Token,
    kind=st.sampled_from(TokenKind),
    send_id=st.integers(0, MAX_SEND_ID),
    link=st.integers(0, MAX_LINK),
    day=st.integers(0, 0xFFFF),
)


@given(tokens)
def test_a_token_comes_back_as_it_was_signed(token: Token) -> None:
    text = CODEC.encode(token)
    assert len(text) == 32
    assert CODEC.decode(text) == token


@given(tokens, st.integers(0, 24 * 8 - 1))
def test_one_flipped_bit_anywhere_is_refused(token: Token, bit: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(CODEC.encode(token)))
    raw[bit // 8] ^= 1 << bit % 8
    assert CODEC.decode(base64.urlsafe_b64encode(bytes(raw)).decode()) is None


@given(tokens, st.integers(0, 31), st.characters())
def test_one_changed_character_is_refused(token: Token, place: int, char: str) -> None:
    text = CODEC.encode(token)
    changed = text[:place] + char + text[place + 1 :]
    assert CODEC.decode(changed) in ((token,) if changed == text else (None,))


@given(st.text(max_size=40))
def test_text_that_was_never_signed_is_refused_without_an_error(text: str) -> None:
    assert CODEC.decode(text) is None


@pytest.mark.parametrize("change", ["{}=", "{}A", " {}", "{}\n", "%{}"])
def test_a_token_has_one_spelling(change: str) -> None:
    assert CODEC.decode(change.format(CODEC.encode(Token(TokenKind.CLICK, 7)))) is None


def test_the_other_alphabet_of_base64_is_refused() -> None:
    text = next(t for t in (CODEC.encode(Token(TokenKind.CLICK, n)) for n in range(500)) if "-" in t or "_" in t)
    assert CODEC.decode(text.replace("-", "+").replace("_", "/")) is None


def test_an_old_secret_is_accepted_until_it_is_taken_away() -> None:
    old, new = "the former secret, long", "the secret that follows it"
    text = LinkCodec.of([old]).encode(Token(TokenKind.OPEN, 5))
    assert LinkCodec.of([new, old]).decode(text) == Token(TokenKind.OPEN, 5)
    assert LinkCodec.of([new]).decode(text) is None


@pytest.mark.parametrize("secrets", [[], [""], ["fifteen letters"], ["a secret that is long enough", "short"]])
def test_a_weak_secret_is_refused(secrets: list[str]) -> None:
    with pytest.raises(BadInput, match="tracking secret"):
        LinkCodec.of(secrets)


@pytest.mark.parametrize("token", [Token(TokenKind.CLICK, 1 << 48), Token(TokenKind.CLICK, 1, 1 << 16)])
def test_what_does_not_fit_is_refused_when_signing(token: Token) -> None:
    with pytest.raises(BadInput):
        CODEC.encode(token)


def test_age_counts_whole_days() -> None:
    issued = datetime(2026, 11, 2, 23, 59, tzinfo=UTC)
    token = Token(TokenKind.CLICK, 1, 0, day_of(issued))
    assert not token.older_than(timedelta(days=90), issued + timedelta(days=90))
    assert token.older_than(timedelta(days=90), issued + timedelta(days=91))


def test_the_secret_is_not_shown() -> None:
    assert "secret of these" not in repr(CODEC)
