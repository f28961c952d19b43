"""HTML is cut at its links and at nothing else."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_domain.events import Verdict
from ignite_domain.tracking import LinkCodec, Token, TokenKind, TrackingService, prepare

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
CODEC = LinkCodec.of(["the secret of these tests"])
SERVICE = TrackingService(CODEC, "http://t.example/", ("discountblog.com",))


def kinds(html: str) -> list[Token]:
    """The tokens of a filled mail, in their order."""
    found = re.findall(r"http://t\.example/(?:t/[oc]|u)/([A-Za-z0-9_-]{32})", html)
    tokens = [CODEC.decode(text) for text in found]
    assert None not in tokens
    return [token for token in tokens if token]


@pytest.mark.parametrize(
    ("html", "targets"),
    [
        ('<a href="https://a.example/x">x</a>', ["https://a.example/x"]),
        ("<a href='https://a.example/x'>x</a>", ["https://a.example/x"]),
        ("<a href=https://a.example/x>x</a>", ["https://a.example/x"]),
        ("<A\n CLASS=b\tHREF = 'HTTPS://a.example/'>x</A>", ["HTTPS://a.example/"]),
        ('<a href="https://a.example/?a=1&amp;b=2">x</a>', ["https://a.example/?a=1&b=2"]),
        ('<a href=" https://a.example/ ">x</a>', ["https://a.example/"]),
        ('<a title="1 > 0" href="http://a.example">x</a>', ["http://a.example"]),
        ('<a data-href="http://no.example" href="http://yes.example">x</a>', ["http://yes.example"]),
        ('<a href="http://one.example" href="http://two.example">x</a>', ["http://one.example"]),
        ('<map><area href="http://a.example"></map>', ["http://a.example"]),
        ('<a href="http://a.example"><a href="http://a.example">', ["http://a.example"] * 2),
        ('<a href="http://a.example/#part">x</a>', ["http://a.example/#part"]),
        ('<a href="http://ä.example/ü">x</a>', ["http://ä.example/ü"]),
        ('<abbr href="http://a.example">', []),
        ('<link href="http://a.example/style.css">', []),
        ('<a name="top">', []),
        ("<a href>x</a>", []),
        ('<a href="#top">x</a>', []),
        ('<a href="mailto:us@a.example">x</a>', []),
        ('<a href="tel:+4930123">x</a>', []),
        ('<a href="javascript:alert(1)">x</a>', []),
        ('<a href="//a.example">x</a>', []),
        ('<a href="/local">x</a>', []),
        ('<a href="http://">x</a>', []),
        ('<a href="http://a.example:port/">x</a>', []),
        ('<a href="http://a.example/{{ first_name }}">x</a>', []),
        ('<a href="{% if x %}http://a.example{% endif %}">x</a>', []),
        ('<a href="http://a.example/&#10;Location: b">x</a>', []),
        ('<!-- <a href="http://a.example">x</a> -->', []),
        ('<!--[if mso]><a href="http://a.example">x</a><![endif]-->', []),
        ('<style>a[href="http://a.example"]{}</style>', []),
        ('<title><a href="http://a.example"></title>', []),
        ("<!-- never closed <a href='http://a.example'>", []),
    ],
)
def test_which_links_are_tracked(html: str, targets: list[str]) -> None:
    assert list(prepare(html).targets) == targets


PAGE = (
    "<!DOCTYPE html><html><head><title>t</title></head><body class='x > y'>"
    '<p>Hello {{ first_name }}, <a href="https://discountblog.com/a?x=1&amp;y=2">one</a> '
    "<a href='mailto:us@a.example'>write</a> <a href=\"https://b.example/\">two</a></p>"
    '<a href="{{ unsubscribe_url }}">stop</a></body></html>'
)


def test_the_first_link_of_the_body_is_the_honeypot_and_the_pixel_stands_last() -> None:
    filled = SERVICE.fill(SERVICE.prepare(PAGE), 42, NOW)
    assert [(token.kind, token.link) for token in kinds(filled)] == [
        (TokenKind.HONEYPOT, 0),
        (TokenKind.CLICK, 0),
        (TokenKind.CLICK, 1),
        (TokenKind.UNSUBSCRIBE, 0),
        (TokenKind.OPEN, 0),
    ]
    assert {token.send_id for token in kinds(filled)} == {42}
    body = filled.index("<body class='x > y'>")
    assert filled.index("display:none") > body
    assert filled.index("<img") < filled.index("</body>")
    assert "Hello {{ first_name }}" in filled
    assert "<a href='mailto:us@a.example'>write</a>" in filled
    assert "discountblog.com/a" not in filled


def test_everything_but_the_links_stays_byte_for_byte() -> None:
    whole = "".join(SERVICE.prepare(PAGE).pieces)
    whole = re.sub(r'<a href="" style="display:none[^>]*></a>|<img src=""[^>]*>', "", whole)
    assert whole == (
        "<!DOCTYPE html><html><head><title>t</title></head><body class='x > y'>"
        '<p>Hello {{ first_name }}, <a href="">one</a> '
        "<a href='mailto:us@a.example'>write</a> <a href=\"\">two</a></p>"
        '<a href="">stop</a></body></html>'
    )


def test_a_mail_without_an_unsubscribe_link_gets_one() -> None:
    filled = SERVICE.fill(SERVICE.prepare("<p>Hi</p>"), 1, NOW)
    assert [token.kind for token in kinds(filled)] == [TokenKind.HONEYPOT, TokenKind.UNSUBSCRIBE, TokenKind.OPEN]
    assert ">Unsubscribe</a>" in filled


def test_the_unsubscribe_field_in_text_becomes_the_persons_address() -> None:
    filled = SERVICE.fill(SERVICE.prepare("<p>Stop: {{unsubscribe_url}}</p>"), 9, NOW)
    assert f"<p>Stop: {SERVICE.unsubscribe_url(9, NOW)}</p>" in filled


@given(st.text(alphabet="<>ab/!-='\" {}%&;href:body\n", max_size=200))
def test_any_text_can_be_prepared_and_filled(html: str) -> None:
    prepared = prepare(html)
    assert len(prepared.pieces) == len(prepared.slots) + 1
    filled = SERVICE.fill(prepared, 3, NOW)
    assert [token.kind for token in kinds(filled)].count(TokenKind.HONEYPOT) == 1


@pytest.mark.parametrize(
    ("url", "owned"),
    [
        ("https://discountblog.com", True),
        ("http://discountblog.com:8025/x", True),
        ("https://www.discountblog.com/", True),
        ("https://DISCOUNTBLOG.com./", True),
        ("https://discountblog.com.evil.example/", False),
        ("https://evildiscountblog.com/", False),
        ("https://discountblog.com@evil.example/", False),
        ("https://user@discountblog.com/", False),
        ("ftp://discountblog.com/", False),
        ("https://discountblog.com:port/", False),
        ("https://[::1/", False),
        ("null", False),
        ("", False),
    ],
)
def test_what_belongs_to_us(url: str, owned: bool) -> None:
    assert SERVICE.owns(url) is owned


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("https://discountblog.com/d", "https://discountblog.com/d?eid=E&cid=3&sid=S"),
        ("http://discountblog.com:81/d?x=1#top", "http://discountblog.com:81/d?x=1&eid=E&cid=3&sid=S#top"),
        ("https://b.example/d?x=1", "https://b.example/d?x=1"),
    ],
)
def test_only_owned_targets_are_enriched(target: str, location: str) -> None:
    assert SERVICE.destination(target, eid="E", cid=3, sid="S") == location


def test_a_visit_token_names_the_click_and_who_made_it() -> None:
    click = Token(TokenKind.CLICK, 77, 2)
    later = NOW + timedelta(days=1)
    assert CODEC.decode(SERVICE.visit_token(click, Verdict.HUMAN, later)) == Token(TokenKind.VISIT_HUMAN, 77, 2, 2498)
    machine = CODEC.decode(SERVICE.visit_token(click, Verdict.MACHINE, later))
    assert machine is not None
    assert machine.kind is TokenKind.VISIT_MACHINE
