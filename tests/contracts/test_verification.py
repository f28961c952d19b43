"""Contracts of verification: the store, DNS against a real name server, the third party over real HTTP."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import psycopg
import pytest

from ignite_adapters.dns import DnsMxLookup
from ignite_adapters.memory.verification import MemoryVerificationStore
from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.verification import PostgresVerificationStore
from ignite_adapters.verifier import HttpAddressVerifier
from ignite_domain.errors import PortFailure
from ignite_domain.isps import Isp
from ignite_domain.subscribers import VerifyState, hash_of
from ignite_domain.verification import (
    ApiVerdict,
    MxAnswer,
    MxKind,
    VerificationStore,
    VerifierBusy,
    from_api,
    from_dns,
)

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
PEOPLE = [("a@x.example", False), ("b@x.example", True), ("c@y.example", False), ("d@y.example", True)]
HERE = MxAnswer(MxKind.MX, ("aspmx.l.google.com",))


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> VerificationStore:
    """Four people, ids 1 to 4; the second and the last come from a warm-up file."""
    if request.param == "memory":
        memory = MemoryVerificationStore()
        for number, (email, warmup) in enumerate(PEOPLE, 1):
            memory.add(number, email, warmup=warmup)
        return memory
    with psycopg.connect(request.getfixturevalue("pg_dsn")) as conn:
        for email, warmup in PEOPLE:
            domain = email.split("@")[1]
            conn.execute(
                "insert into mailing_subscribers (email, email_md5, domain, limiter_group, from_warmup_file, "
                "imported_at, updated_at) values (%s, %s, %s, %s, %s, %s, %s)",
                (email, hash_of(email), domain, domain, warmup, NOW, NOW),
            )
    return PostgresVerificationStore(request.getfixturevalue("pool"))


async def ids(store: VerificationStore, state: VerifyState, now: datetime = NOW, limit: int = 9) -> list[int]:
    return [person.id for person in await store.waiting(state, limit, now)]


async def test_people_wait_warm_up_first_then_by_id(store: VerificationStore) -> None:
    assert await ids(store, VerifyState.NEW) == [2, 4, 1, 3]
    assert await ids(store, VerifyState.NEW, limit=3) == [2, 4, 1]
    first = (await store.waiting(VerifyState.NEW, 1, NOW))[0]
    assert (first.email, first.domain) == ("b@x.example", "x.example")


async def test_findings_move_people_on(store: VerificationStore) -> None:
    unknown, gone = MxAnswer(MxKind.UNKNOWN), MxAnswer(MxKind.NXDOMAIN)
    findings = [
        from_dns(1, "x.example", HERE),
        from_dns(2, "x.example", HERE),
        from_dns(3, "y.example", gone),
        from_dns(4, "y.example", unknown),
        from_dns(99, "z.example", HERE),
    ]
    assert await store.save(findings, NOW) == 4
    assert await ids(store, VerifyState.NEW) == []
    assert await ids(store, VerifyState.NEW, NOW + timedelta(hours=1)) == [4]
    assert await ids(store, VerifyState.MX) == [2, 1]
    assert await store.save(findings[:3], NOW) == 0
    assert await store.save([from_api(1, ApiVerdict.VALID), from_api(2, ApiVerdict.INVALID)], NOW) == 2
    assert await ids(store, VerifyState.MX) == []


async def test_the_database_holds_score_status_provider_and_events(pool: Pool) -> None:
    async with pool.connection() as conn:
        for email in ("a@x.example", "b@y.example"):
            await conn.execute(
                "insert into mailing_subscribers (email, email_md5, domain, limiter_group, imported_at, updated_at) "
                "values (%s, %s, %s, 'g', %s, %s)",
                (email, hash_of(email), email.split("@")[1], NOW, NOW),
            )
    store = PostgresVerificationStore(pool)
    await store.save([from_dns(1, "x.example", HERE), from_dns(2, "y.example", MxAnswer(MxKind.NULL_MX))], NOW)
    await store.save([from_api(1, ApiVerdict.VALID)], NOW)
    async with pool.connection() as conn:
        people = await (
            await conn.execute(
                "select data_quality_score::float, status, status_reason, verify_state, isp, limiter_group "
                "from mailing_subscribers order by id"
            )
        ).fetchall()
        events = await (
            await conn.execute(
                "select subscriber_id, event_type, isp, metadata->>'evidence' from subscriber_events order by id"
            )
        ).fetchall()
    assert people == [
        (0.5, "active", None, "done", "gmail", "gmail"),
        (0.0, "unmailable", "mx_invalid", "done", None, "y.example"),
    ]
    assert events == [
        (1, "verified", Isp.GMAIL, "mx_valid"),
        (1, "quality_changed", Isp.GMAIL, "mx_valid"),
        (2, "verified", None, "mx_invalid"),
        (1, "verified", Isp.GMAIL, "api_valid"),
        (1, "quality_changed", Isp.GMAIL, "api_valid"),
    ]


ZONE: dict[tuple[str, str], list[str]] = {
    ("two.example.", "MX"): ["20 Backup.two.example.", "10 mx.two.example."],
    ("null.example.", "MX"): ["0 ."],
    ("implicit.example.", "A"): ["192.0.2.1"],
    ("implicit6.example.", "AAAA"): ["2001:db8::1"],
    ("bare.example.", "TXT"): ["nothing"],
    ("xn--bcher-kva.example.", "MX"): ["10 mx.two.example."],
    ("semi.example.", "TXT"): ["its A record fails"],
}


class NameServer(asyncio.DatagramProtocol):
    """An authoritative server for ZONE; knows names that break and names that stay silent."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        if name == "silent.example.":
            return
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        if name == "broken.example." or (name == "semi.example." and kind == "A"):
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in ZONE:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *ZONE[name, kind]))
        elif name not in {known for known, _ in ZONE}:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(reply.to_wire(), addr)


@pytest.fixture
async def nameserver() -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    host, port = transport.get_extra_info("sockname")
    yield f"{host}:{port}"
    transport.close()


MX = [
    ("two.example", MxAnswer(MxKind.MX, ("mx.two.example", "backup.two.example"))),
    ("null.example", MxAnswer(MxKind.NULL_MX)),
    ("implicit.example", MxAnswer(MxKind.IMPLICIT, ("implicit.example",))),
    ("implicit6.example", MxAnswer(MxKind.IMPLICIT, ("implicit6.example",))),
    ("bare.example", MxAnswer(MxKind.NO_HOST)),
    ("nowhere.example", MxAnswer(MxKind.NXDOMAIN)),
    ("xn--bcher-kva.example", MxAnswer(MxKind.MX, ("mx.two.example",))),
    ("broken.example", MxAnswer(MxKind.UNKNOWN)),
    ("silent.example", MxAnswer(MxKind.UNKNOWN)),
    ("semi.example", MxAnswer(MxKind.UNKNOWN)),
]


@pytest.mark.parametrize(("domain", "answer"), MX)
async def test_dns_answers_are_told_apart(nameserver: str, domain: str, answer: MxAnswer) -> None:
    assert await DnsMxLookup(nameserver, timeout=0.4)(domain) == answer


async def test_a_name_server_that_is_not_there_is_no_answer() -> None:
    assert await DnsMxLookup("127.0.0.1:9", timeout=0.3)("two.example") == MxAnswer(MxKind.UNKNOWN)


class Stand(BaseHTTPRequestHandler):
    """A third party that follows the contract, or answers with what `script` holds."""

    script: list[tuple[int, dict[str, str], bytes]] = []
    asked: list[tuple[str | None, Any]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.headers["Authorization"], body))
        results = [{"address": a, "verdict": "invalid" if "bad" in a else "valid"} for a in body["addresses"]]
        status, headers, answer = 200, {}, json.dumps({"results": results}).encode()
        if self.script:
            status, headers, answer = self.script.pop(0)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def third_party() -> Iterator[str]:
    Stand.script.clear()
    Stand.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stand)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/verify"
    server.shutdown()
    server.server_close()


async def test_the_third_party_is_asked_in_one_call_with_its_key(third_party: str) -> None:
    verifier = HttpAddressVerifier(third_party, "k-1")
    answer = await verifier(["a@x.example", "bad@x.example"])
    await verifier.close()
    assert answer == {"a@x.example": ApiVerdict.VALID, "bad@x.example": ApiVerdict.INVALID}
    assert Stand.asked == [("Bearer k-1", {"addresses": ["a@x.example", "bad@x.example"]})]


TROUBLE = [
    (429, {"Retry-After": "7"}, b"", 7.0),
    (503, {"Retry-After": "99999999"}, b"", 3600.0),
    (502, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"", 5.0),
    (500, {}, b"", 5.0),
    (401, {}, b"", None),
    (200, {}, b"not json", None),
    (200, {}, b'{"results": []}', None),
    (200, {}, b'{"results": [{"address": "a@x.example", "verdict": "splendid"}]}', None),
]


@pytest.mark.parametrize(("status", "headers", "body", "pause"), TROUBLE)
async def test_trouble_says_whether_to_try_again_and_when_and_never_whom(
    third_party: str, status: int, headers: dict[str, str], body: bytes, pause: float | None
) -> None:
    Stand.script.append((status, headers, body))
    verifier = HttpAddressVerifier(third_party, "k-1")
    with pytest.raises(PortFailure) as caught:
        await verifier(["a@x.example"])
    await verifier.close()
    assert caught.value.retryable is (pause is not None)
    assert (caught.value.retry_after if isinstance(caught.value, VerifierBusy) else None) == pause
    assert "a@x.example" not in str(caught.value)


async def test_a_third_party_that_is_away_can_be_asked_later() -> None:
    verifier = HttpAddressVerifier("http://127.0.0.1:9/", "k-1", timeout=1)
    with pytest.raises(PortFailure) as caught:
        await verifier(["a@x.example"])
    await verifier.close()
    assert caught.value.retryable
