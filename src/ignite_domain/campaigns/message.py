"""Builds messages: once per variant what is common, per person only what differs.

Decides headers and MIME form. Links, pixel and unsubscribe address come from the `LinkWriter` port.
`{{first_name}}`, `{{last_name}}` and `{{unsubscribe_url}}` may stand in subject, preheader and HTML; an
empty name becomes nothing together with one blank before it.

Headers for bulk mail: List-Unsubscribe and List-Unsubscribe-Post (RFC 8058, asked for by Gmail and Yahoo);
X-Virtual-MTA, X-Job, X-EnvID are PMTA's and are removed by it; Feedback-ID is read by Gmail. DKIM is PMTA's.
"""

import binascii
import hashlib
import html as html_text
import re
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any, Final

import attrs

from ignite_domain.campaigns.ports import LinkWriter, Message
from ignite_domain.errors import BadInput

FIELDS: Final = frozenset({"first_name", "last_name", "unsubscribe_url"})
_PLACE: Final = re.compile(r"( ?)\{\{\s*([a-z_]+)\s*\}\}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*\Z")
_WORD_BYTES: Final = 42  # of UTF-8 in one encoded word: base64 and its frame stay below 75 characters


def one_line(text: str) -> str:
    """`text` without control characters and line ends: nothing may start a header of its own."""
    return _CONTROL.sub(" ", text).strip()


@lru_cache(maxsize=4096)
def encode_text(text: str) -> str:
    """Header text per RFC 2047: as it is while plain ASCII and short, else base64 words, folded."""
    clean = one_line(text)
    if clean.isascii() and len(clean) <= 200 and "=?" not in clean:
        return clean
    words: list[str] = []
    chunk = b""
    for char in clean:
        raw = char.encode("utf-8", "replace")
        if len(chunk) + len(raw) > _WORD_BYTES:
            words.append(_word(chunk))
            chunk = b""
        chunk += raw
    words.append(_word(chunk))
    return "\r\n ".join(words)


def _word(chunk: bytes) -> str:
    return f"=?utf-8?B?{binascii.b2a_base64(chunk, newline=False).decode()}?="


def _display_name(name: str) -> str:
    clean = one_line(name)
    if _ATOMS.match(clean):
        return clean
    if clean.isascii():
        quoted = clean.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"'
    return encode_text(clean)


Filler = Callable[[dict[str, str]], str]


def compile_text(text: str) -> Filler:
    """Split `text` at its placeholders once. Raises `BadInput` for a name that is not in `FIELDS`."""
    pieces: list[str] = []
    places: list[tuple[str, str]] = []
    end = 0
    for match in _PLACE.finditer(text):
        if match[2] not in FIELDS:
            raise BadInput(f"unknown placeholder: {match[2]}")
        pieces.append(text[end : match.start()])
        places.append((match[1], match[2]))
        end = match.end()
    pieces.append(text[end:])
    if not places:
        return lambda _values: text

    def fill(values: dict[str, str]) -> str:
        out = [pieces[0]]
        for (blank, name), piece in zip(places, pieces[1:], strict=True):
            value = values[name]
            out.append(f"{blank}{value}{piece}" if value else piece)
        return "".join(out)

    return fill


class _Plain(HTMLParser):
    BLOCKS: Final = frozenset({"p", "div", "tr", "h1", "h2", "h3", "h4", "li", "table", "br", "ul", "ol"})
    SILENT: Final = frozenset({"style", "script", "head", "title"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.silent = 0
        self.href = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.SILENT:
            self.silent += 1
        elif tag in self.BLOCKS:
            self.out.append("\n")
        elif tag == "a":
            self.href = dict(attrs).get("href") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag in self.SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag in self.BLOCKS:
            self.out.append("\n")
        elif tag == "a" and self.href:
            self.out.append(f": {self.href}")
            self.href = ""

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.out.append(re.sub(r"\s+", " ", data))


def plain_text(html: str) -> str:
    """The text alternative: words and link targets, blocks on lines of their own."""
    parser = _Plain()
    parser.feed(html)
    parser.close()
    lines = (line.strip() for line in "".join(parser.out).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def quoted_printable(text: str) -> bytes:
    """`text` as a quoted-printable body with CRLF line ends, every line at most 76 bytes."""
    raw = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").encode("utf-8", "replace")
    # A first line end tells binascii which form to write its soft breaks in; it is taken off again.
    return binascii.b2a_qp(b"\r\n" + raw, istext=True)[2:]


_PREHEADER: Final = '<div style="display:none;max-height:0;overflow:hidden;opacity:0" aria-hidden="true">{}</div>'
_BODY: Final = re.compile(r"<body[^>]*>", re.IGNORECASE)


def with_preheader(html: str, preheader: str) -> str:
    """Put the preview line right behind `<body>` (or at the start), invisible."""
    if not preheader:
        return html
    line = _PREHEADER.format(html_text.escape(preheader, quote=False))
    match = _BODY.search(html)
    return f"{html[: match.end()]}{line}{html[match.end() :]}" if match else line + html


@attrs.frozen
class MessageBuilder:
    """One variant of one campaign, ready to be filled in. Make it with `compile`."""

    links: LinkWriter
    campaign_id: int
    variant: str
    from_domain: str
    _head: str
    _subject: Filler
    _text: Filler
    _prepared: Any
    boundary: str

    @classmethod
    def compile(
        cls,
        links: LinkWriter,
        *,
        campaign_id: int,
        variant: str,
        from_name: str,
        from_address: str,
        subject: str,
        preheader: str,
        html: str,
    ) -> "MessageBuilder":
        """Do everything that all messages share. Raises `BadInput` for an address or text that cannot be mailed."""
        local, at, domain = from_address.rpartition("@")
        if not (local and at and domain) or one_line(from_address) != from_address or " " in from_address:
            raise BadInput("from_address is no address")
        if not one_line(subject):
            raise BadInput("a subject is needed")
        whole = with_preheader(html, preheader)
        # Placeholders are split per person after the links are written: a link writer may move them about.
        compile_text(whole)
        digest = hashlib.sha256(f"{campaign_id}\x1f{variant}\x1f{subject}".encode()).hexdigest()[:24]
        return cls(
            links=links,
            campaign_id=campaign_id,
            variant=variant,
            from_domain=domain,
            head=f"From: {_display_name(from_name)} <{from_address}>\r\n",
            subject=compile_text(subject),
            text=compile_text(plain_text(html)),
            prepared=links.prepare(whole),
            boundary=f"=_ignite_{digest}",
        )

    def build(self, person: "Recipient", send_id: int, vmta: str, now: datetime) -> Message:
        """The message for one person. Same arguments, same bytes: a retry is recognisable as the same mail."""
        unsubscribe = self.links.unsubscribe_url(send_id, now)
        values = {
            "first_name": one_line(person.first_name),
            "last_name": one_line(person.last_name),
            "unsubscribe_url": unsubscribe,
        }
        body = _fill_html(self.links.fill(self._prepared, send_id, now), values)
        envid = f"ig{send_id}"
        head = (
            f"{self._head}To: <{person.email}>\r\n"
            f"Subject: {encode_text(self._subject(values))}\r\n"
            f"Date: {_date(now.replace(microsecond=0))}\r\n"
            f"Message-ID: <{envid}.c{self.campaign_id}@{self.from_domain}>\r\n"
            f"List-Unsubscribe: <{unsubscribe}>\r\n"
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
            f"X-Virtual-MTA: {vmta}\r\nX-Job: c{self.campaign_id}\r\nX-EnvID: {envid}\r\n"
            f"Feedback-ID: c{self.campaign_id}:{self.variant}:bulk:ignite\r\nPrecedence: bulk\r\n"
            f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{self.boundary}"\r\n\r\n'
        )
        start = f"--{self.boundary}\r\nContent-Type: text/"
        kind = "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        data = b"".join(
            (
                head.encode("utf-8", "replace"),
                f"{start}plain{kind}".encode(),
                quoted_printable(self._text(values)),
                f"\r\n{start}html{kind}".encode(),
                quoted_printable(body),
                f"\r\n--{self.boundary}--\r\n".encode(),
            )
        )
        return Message(key=send_id, sender=f"bounce@{self.from_domain}", recipient=person.email, data=data)


@attrs.frozen
class Recipient:
    """What a message needs of a person."""

    email: str
    first_name: str = ""
    last_name: str = ""


def _fill_html(html: str, values: dict[str, str]) -> str:
    if "{{" not in html:
        return html

    def value(match: re.Match[str]) -> str:
        found = values.get(match[2], "")
        return match[1] + html_text.escape(found) if found else ""

    return _PLACE.sub(value, html)


@lru_cache(maxsize=16)
def _date(at: datetime) -> str:
    return format_datetime(at)
