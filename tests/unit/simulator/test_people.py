"""People over real HTTP: what they did stands in the ledger exactly if a server answered it."""

import asyncio
import base64
import json
import quopri
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from ignite_app.clock import Clock
from ignite_app.simulator import Appeal, Simulator, SimulatorOptions
from ignite_app.simulator.http_door import HttpDoor, Reply, Request
from ignite_app.simulator.messages import read_letter, split_headers
from ignite_app.simulator.smtp import Envelope

HTML = (
    "<html><body>"
    '<a href="{base}/t/c/honeypot{n}" style="display:none;visibility:hidden" aria-hidden="true"></a>'
    '<p><a href="{base}/t/c/first{n}">Offer</a> <a href="{base}/t/c/second{n}"><img src="x.png" width="9"></a></p>'
    '<a href="{base}/u/leave{n}">Unsubscribe</a>'
    '<img src="{base}/t/o/pixel{n}" width="1" height="1" alt=""></body></html>'
)
DOMAINS = ("gmail.com", "outlook.com", "icloud.com", "yahoo.com", "comcast.net")


class Site:
    """A tracking server and an owned site in one; remembers what it was asked, may be ill for a while."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.ill = 0
        self.door = HttpDoor(self)

    async def __call__(self, request: Request) -> Reply:
        if self.ill > 0:
            self.ill -= 1
            return Reply(503, {})
        self.asked.append(request)
        if request.path.startswith("/t/c/"):
            landing = f"http://discountblog.com:{self.door.port}/deal?utm=1&eid=e-1&cid=7&sid=s_1"
            return Reply(302, {}, {"Location": landing})
        return Reply(202 if request.path == "/api/v1/site-events" else 200, {})


async def run(tmp_path: Path, count: int, site: Site, **options: Any) -> tuple[Simulator, list[dict[str, Any]]]:
    await site.door.listen()
    simulator = Simulator.build(
        SimulatorOptions(
            directory=str(tmp_path),
            accounting_dir=str(tmp_path / "acct"),
            clock=Clock.starting(datetime(2026, 11, 2, 9, tzinfo=UTC), 1200.0),
            foreign_share=0.0,
            haste=4.0,
            **options,
        )
    )
    await simulator.start()
    base = f"http://127.0.0.1:{site.door.port}"
    for number in range(count):
        head = (
            f"Subject: Variant {'AB'[number % 2]}\r\nContent-Type: text/html; charset=utf-8\r\n"
            f"List-Unsubscribe: <{base}/u/leave{number}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click"
        )
        body = HTML.format(base=base, n=number).encode()
        rcpt = f"p{number}@{DOMAINS[number % len(DOMAINS)]}"
        envelope = Envelope(
            "b@x.example", (rcpt,), "mta1", "c1", f"ig{number}", head.encode().split(b"\r\n"), body, 900, "a"
        )
        assert simulator.intake.accept(envelope).startswith("250")
    assert await simulator.until_drained(60)
    await simulator.stop()
    await site.door.shut()
    return simulator, [json.loads(line) for line in (tmp_path / "simulator.jsonl").read_text().splitlines()]


@attrs.frozen
class Ordinary:
    """A day of 1,500 people on which nothing is out of the ordinary; several tests look at it."""

    site: Site
    simulator: Simulator
    ledger: list[dict[str, Any]]


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Ordinary:
    site = Site()
    return Ordinary(site, *asyncio.run(run(tmp_path_factory.mktemp("people"), 1500, site)))


def test_the_ledger_is_what_the_server_answered(ordinary: Ordinary) -> None:
    site, simulator, ledger = ordinary.site, ordinary.simulator, ordinary.ledger
    asked = Counter(request.path.strip("0123456789") for request in site.asked)
    done = Counter(entry["kind"] for entry in ledger)
    beacons = [json.loads(request.body) for request in site.asked if request.path == "/api/v1/site-events"]

    assert simulator.failures == []
    assert done["open"] == asked["/t/o/pixel"] > 0
    assert done["click"] == asked["/t/c/honeypot"] + asked["/t/c/first"] + asked["/t/c/second"] > 0
    assert done["page_view"] == sum(beacon["type"] == "page_view" for beacon in beacons) > 0
    assert done["session_end"] == done["page_view"]
    assert done["unsubscribe"] == sum(r.method == "POST" and r.path.startswith("/u/") for r in site.asked) > 0
    assert done["refused"] == 0


def test_people_never_follow_the_hidden_link_and_scanners_begin_with_it(ordinary: Ordinary) -> None:
    clicks = [entry for entry in ordinary.ledger if entry["kind"] == "click"]
    by_mail: dict[str, list[dict[str, Any]]] = {}
    for entry in clicks:
        by_mail.setdefault(entry["envid"], []).append(entry)

    assert all(entry["url_index"] in (1, 2) for entry in clicks if entry["human"])
    scanned = [entries for entries in by_mail.values() if not all(entry["human"] for entry in entries)]
    assert scanned
    for entries in scanned:
        assert (entries[0]["human"], entries[0]["url_index"]) == (False, 0)
        flags = [entry["human"] for entry in entries]
        assert flags == sorted(flags)  # a person clicks after the scanner is through
    assert {entry["isp"] for entries in scanned for entry in entries} == {"microsoft"}


def test_machines_show_themselves_and_the_beacon_is_the_trackers(ordinary: Ordinary) -> None:
    site, ledger = ordinary.site, ordinary.ledger
    agents = Counter(request.headers["user-agent"] for request in site.asked if request.path.startswith("/t/o/"))
    machine = sum(entry["kind"] == "open" and not entry["human"] for entry in ledger)
    beacon = next(request for request in site.asked if request.path == "/api/v1/site-events")

    assert agents["Mozilla/5.0"] == machine > 0  # Apple's proxy, and nobody else
    assert any("GoogleImageProxy" in agent for agent in agents)
    assert beacon.headers["origin"] == f"http://discountblog.com:{site.door.port}"
    assert beacon.headers["content-type"] == "text/plain;charset=UTF-8"
    expected = (
        f'{{"type":"page_view","eid":"e-1","cid":"7","sid":"s_1","url":"http://discountblog.com:{site.door.port}'
        '/deal?utm=1&eid=e-1&cid=7&sid=s_1","referrer":"","duration_ms":0,"scroll_pct":0}'
    )
    assert beacon.body.decode() == expected


async def test_habits_follow_the_subject_and_the_rates_are_as_stated(tmp_path: Path) -> None:
    site = Site()
    _, ledger = await run(tmp_path, 4000, site, appeals=(Appeal("variant a", 0.8, 0.8), Appeal("variant b", 1.2, 1.4)))
    clicked = Counter(int(entry["envid"][2:]) % 2 for entry in ledger if entry["kind"] == "click" and entry["human"])
    opened = sum(entry["kind"] == "open" and entry["human"] for entry in ledger)
    assert clicked[1] > 1.5 * clicked[0] > 0
    assert 0.15 < opened / 4000 < 0.3  # a quarter, less those whom Apple's proxy hides
    assert 0.02 < clicked.total() / 4000 < 0.08


async def test_an_ill_server_is_asked_again_and_counted_once(tmp_path: Path) -> None:
    site = Site()
    site.ill = 60
    _, ledger = await run(tmp_path, 300, site)
    done = Counter(entry["kind"] for entry in ledger)
    assert site.ill == 0
    assert done["open"] == sum(request.path.startswith("/t/o/") for request in site.asked) > 0
    assert done["refused"] == 0


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64", "8bit"])
def test_a_letter_is_read_through_its_mime_form(encoding: str) -> None:
    html = HTML.format(base="http://127.0.0.1:1", n=5).encode()
    encoded = {"quoted-printable": quopri.encodestring(html), "base64": base64.encodebytes(html), "8bit": html}[
        encoding
    ]
    mail = (
        b'Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\nContent-Type: multipart/alternative; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: text/html\r\n"
        b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + encoded + b"\r\n--b--\r\n"
    )
    letter = read_letter(*split_headers(mail))
    assert letter.subject == "Grüße"
    assert letter.pixel == "http://127.0.0.1:1/t/o/pixel5"
    assert [visible for _, visible in letter.links] == [False, True, True, True]
