"""Messages, read back by the standard library's parser: an implementation that is not ours."""

import re
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_domain.campaigns.message import MessageBuilder, Recipient, encode_text, plain_text, quoted_printable
from ignite_domain.campaigns.ports import Message
from ignite_domain.errors import BadInput
from ignite_domain.tracking import LinkCodec, TrackingService

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LINKS = TrackingService(LinkCodec.of(["a secret of sixteen"]), "http://127.0.0.1:8025", ("discountblog.com",))
ANN = Recipient("ann@example.org", "Ann")
HTML = (
    "<html><head><title>t</title></head><body><h1>Hello {{first_name}}!</h1>"
    '<p>Deals: <a href="https://discountblog.com/deals?a=1&amp;b=2">see &amp; save</a></p>'
    '<p><a href="{{unsubscribe_url}}">Unsubscribe</a></p></body></html>'
)


def build(person: Recipient = ANN, *, subject: str = "Deals, {{first_name}}", html: str = HTML) -> Message:
    builder = MessageBuilder.compile(
        LINKS,
        campaign_id=7,
        variant="B",
        from_name="Discount Blog",
        from_address="deals@mail.discountblog.com",
        subject=subject,
        preheader="Half price & more",
        html=html,
    )
    return builder.build(person, 42, "mta2", NOW)


def parse(message: Message) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(message.data)  # type: ignore[return-value]  # policy decides


def test_headers_carry_what_pmta_gmail_and_rfc_8058_need() -> None:
    message = build()
    mail = parse(message)
    assert (message.key, message.sender, message.recipient) == (42, "bounce@mail.discountblog.com", "ann@example.org")
    token = LINKS.unsubscribe_url(42, NOW)
    wanted = {
        "From": "Discount Blog <deals@mail.discountblog.com>",
        "To": "ann@example.org",
        "Subject": "Deals, Ann",
        "Message-ID": "<ig42.c7@mail.discountblog.com>",
        "X-Virtual-MTA": "mta2",
        "X-Job": "c7",
        "X-EnvID": "ig42",
        "List-Unsubscribe": f"<{token}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Precedence": "bulk",
        "Feedback-ID": "c7:B:bulk:ignite",
        "Date": "Mon, 02 Nov 2026 09:00:00 +0000",
    }
    assert {name: re.sub(r"\s+", " ", str(mail[name])) for name in wanted} == wanted
    assert not mail.defects
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_both_parts_say_the_same_and_the_html_is_tracked() -> None:
    mail = parse(build())
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    assert "Hello Ann!" in text
    assert "see & save: https://discountblog.com/deals?a=1&b=2" in text
    assert f"Unsubscribe: {LINKS.unsubscribe_url(42, NOW)}" in text
    assert "Hello Ann!" in html
    assert "discountblog.com/deals" not in html
    assert html.count("/t/c/") == 2  # the honeypot and the one link
    assert html.count("/t/o/") == 1
    assert "Half price &amp; more" in html
    assert "{{" not in text + html


def test_nobody_without_a_name_is_called_by_a_gap() -> None:
    mail = parse(build(Recipient("x@example.org"), subject="Deals for you {{first_name}}, today"))
    assert mail["Subject"] == "Deals for you, today"
    assert "Hello!" in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]


def test_a_name_is_data_not_markup_nor_a_header() -> None:
    evil = Recipient("x@example.org", '<b>Al</b>\r\nBcc: all@example.org\r\n\r\n"')
    mail = parse(build(evil))
    assert mail["Bcc"] is None
    assert "&lt;b&gt;Al&lt;/b&gt;" in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]


def test_the_same_row_gives_the_same_bytes() -> None:
    assert build().data == build().data


@pytest.mark.parametrize(
    ("field", "value"),
    [("subject", "{{password}}"), ("html", "<p>{{ other }}</p>"), ("subject", " \r\n ")],
)
def test_what_cannot_be_filled_is_refused_when_the_variant_is_made(field: str, value: str) -> None:
    with pytest.raises(BadInput):
        build(**{field: value})  # type: ignore[arg-type]


def test_every_line_fits_smtp() -> None:
    data = build(html="<body>" + "x" * 5000 + "ü" * 3000 + "\n.\n.leading</body>").data
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert b"\n" not in data.replace(b"\r\n", b"")


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=300).filter(str.strip))
def test_any_subject_comes_back(subject: str) -> None:
    clean = subject.replace("\u2028", " ").replace("\u2029", " ").strip()
    raw = f"Subject: {encode_text(subject)}\r\n\r\n".encode("ascii")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    found = BytesParser(policy=policy.default).parsebytes(raw)["Subject"]
    assert str(found) == clean or clean.isascii()


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\r\n"), max_size=400))
def test_any_line_survives_quoted_printable(line: str) -> None:
    import quopri

    encoded = quoted_printable(f"a\n{line}\nb")
    assert quopri.decodestring(encoded).decode().splitlines()[0] == "a"
    assert quopri.decodestring(encoded).decode("utf-8").split("\r\n")[1] == line
    assert max(map(len, encoded.split(b"\r\n"))) <= 76


def test_plain_text_keeps_blocks_and_drops_style() -> None:
    html = "<head><style>p{}</style></head><div>One</div><p>Two <b>bold</b></p><ul><li>x</li></ul>"
    assert plain_text(html) == "One\n\nTwo bold\n\nx\n"
