"""A message in the MTA, and what a person will see of it. Decides how bytes are read, nothing else."""

import base64
import binascii
import html
import quopri
import re
from collections.abc import Callable
from email.header import decode_header, make_header
from html.parser import HTMLParser
from typing import Final

import attrs

from ignite_app.simulator.world import Destination

_HIDDEN: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|max-height\s*:\s*0", re.I)
_VOID: Final = frozenset("area base br col embed hr img input link meta source track wbr".split())


@attrs.frozen
class Letter:
    """What reader and scanner find in a mail. `links`: (URL, visible), in the order of the HTML."""

    subject: str
    pixel: str = ""
    links: tuple[tuple[str, bool], ...] = ()
    one_click: str = ""  # List-Unsubscribe with one-click POST


@attrs.define(eq=False)
class QueuedMessage:
    """One recipient's copy. Times are business seconds; `letter` None: nobody will look at it."""

    id: int
    envid: str
    job: str
    vmta: str
    pool: str
    orig: str
    rcpt: str
    rcpt_md5: str
    destination: Destination
    size: int
    queued_at: float
    source: str = "app1 (127.0.0.1)"
    letter: Letter | None = None
    first_attempt: float | None = None
    attempts: int = 0

    @property
    def isp(self) -> str:
        return self.destination.isp.value if self.destination.isp else "elsewhere"


def split_headers(data: bytes) -> tuple[list[bytes], bytes]:
    """Header fields (folded lines joined as they are) and the body."""
    head, _, body = data.partition(b"\r\n\r\n")
    fields: list[bytes] = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] += b"\r\n" + line
        else:
            fields.append(line)
    return fields, body


def header(fields: list[bytes], name: str) -> str:
    """The value of the first field of that name, unfolded; "" if there is none."""
    wanted = name.lower().encode() + b":"
    for field in fields:
        if field[: len(wanted)].lower() == wanted:
            return re.sub(rb"\r\n[ \t]+", b" ", field[len(wanted) :]).strip().decode("utf-8", "replace")
    return ""


def read_letter(fields: list[bytes], body: bytes) -> Letter:
    """Read what matters to people. A body without HTML has no links; nothing raises."""
    text = _html_part(header(fields, "content-type"), header(fields, "content-transfer-encoding"), body)
    parser = _Links()
    parser.feed(text)
    unsubscribe = ""
    if "one-click" in header(fields, "list-unsubscribe-post").lower():
        found = re.search(r"<(https?://[^>]+)>", header(fields, "list-unsubscribe"))
        unsubscribe = found[1] if found else ""
    try:
        subject = str(make_header(decode_header(header(fields, "subject"))))
    except (ValueError, LookupError):
        subject = header(fields, "subject")
    return Letter(subject, parser.pixel, tuple(parser.links), unsubscribe)


def _html_part(kind: str, encoding: str, body: bytes) -> str:
    if kind.lower().startswith("multipart/"):
        found = re.search(r'boundary="?([^";]+)"?', kind, re.IGNORECASE)
        if not found:
            return ""
        for part in (b"\r\n" + body).split(b"\r\n--" + found[1].encode())[1:-1]:
            fields, inner = split_headers(part.lstrip(b"\r\n"))
            text = _html_part(header(fields, "content-type"), header(fields, "content-transfer-encoding"), inner)
            if text:
                return text
        return ""
    if not kind.lower().startswith("text/html"):
        return ""
    try:
        raw = _DECODERS.get(encoding.lower(), bytes)(body)
    except (binascii.Error, ValueError):
        raw = body
    return raw.decode("utf-8", "replace")


_DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "quoted-printable": quopri.decodestring,
    "base64": base64.b64decode,
}


class _Links(HTMLParser):
    """Collects links and the last 1x1 picture; knows what a reader would not see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[tuple[str, bool]] = []
        self.pixel = ""
        self._hidden: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        hidden = bool(_HIDDEN.search(values.get("style", ""))) or any(self._hidden[-1:])
        if tag == "a" and values.get("href", "").startswith(("http://", "https://")):
            self.links.append((html.unescape(values["href"]), not hidden))
        elif tag == "img" and values.get("width") == "1" and values.get("height") == "1":
            self.pixel = values.get("src", "")
        if tag not in _VOID:
            self._hidden.append(hidden)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and self._hidden:
            self._hidden.pop()
