"""`MailInjector`: what every injector promises, and what the SMTP one makes of a difficult server."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.smtp_server import TinySmtp
from ignite_adapters.memory.injector import MemoryInjector
from ignite_adapters.pmta.smtp import SmtpInjector, dot_stuffed
from ignite_domain.campaigns.ports import InjectionResult, MailInjector, Message

R = InjectionResult


def message(key: int, data: bytes = b"Subject: x\r\n\r\nhello\r\n") -> Message:
    return Message(key, "bounce@mail.example", f"p{key}@example.org", data)


@pytest.fixture(params=["memory", "smtp"])
async def injector(request: pytest.FixtureRequest) -> AsyncIterator[tuple[MailInjector, Any]]:
    if request.param == "memory":
        twin = MemoryInjector()
        yield twin, lambda: Counter(m.recipient for m in twin.taken)
        return
    async with TinySmtp() as server:
        smtp = SmtpInjector("127.0.0.1", server.port, connections=3)
        yield smtp, lambda: Counter(recipient for recipient, _ in server.messages)
        await smtp.close()


async def test_every_message_is_taken_once_and_answered_once(injector: tuple[MailInjector, Any]) -> None:
    door, taken = injector
    for batch in (range(1, 200), range(200, 201), range(0)):
        results = await door.inject([message(key) for key in batch])
        assert sorted(r.key for r in results) == list(batch)
        assert {r.result for r in results} <= {R.ACCEPTED}
    assert taken() == {f"p{key}@example.org": 1 for key in range(1, 201)}
    await door.close()


REPLIES = [
    # step, code, result, where
    ("MAIL", 451, R.REFUSED_TEMP, "MAIL"),
    ("MAIL", 550, R.REFUSED_PERM, "MAIL"),
    ("RCPT", 450, R.REFUSED_TEMP, "RCPT"),
    ("RCPT", 553, R.REFUSED_PERM, "RCPT"),
    ("DATA", 452, R.REFUSED_TEMP, "DATA"),
    ("DATA", 554, R.REFUSED_PERM, "DATA"),
    ("body", 451, R.REFUSED_TEMP, "body"),
    ("body", 554, R.REFUSED_PERM, "body"),
]


@pytest.mark.parametrize(("step", "code", "result", "where"), REPLIES)
async def test_a_refusal_hits_its_message_alone(step: str, code: int, result: R, where: str) -> None:
    turns = Counter[str]()

    def script(at: str, address: str, _count: int) -> int | None:
        turns[at] += 1
        # MAIL knows no recipient: with one connection the third turn is the third message.
        hit = turns[at] == 3 if at == "MAIL" else address == "p3@example.org"
        return code if at == step and hit else None

    async with TinySmtp(script) as server:
        smtp = SmtpInjector("127.0.0.1", server.port, connections=1)
        results = {r.key: r for r in await smtp.inject([message(key) for key in range(1, 8)])}
        await smtp.close()
    assert (results[3].result, results[3].code, results[3].where) == (result, code, where)
    assert {key for key, r in results.items() if r.result is R.ACCEPTED} == {1, 2, 4, 5, 6, 7}
    assert sorted(recipient for recipient, _ in server.messages) == [f"p{k}@example.org" for k in (1, 2, 4, 5, 6, 7)]


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
async def test_a_connection_lost_before_the_body_is_no_doubt(step: str) -> None:
    cut = []

    def script(at: str, address: str, count: int) -> str | None:
        if at == step and count == 2 and not cut:
            cut.append(address)
            return "cut"
        return None

    async with TinySmtp(script) as server:
        smtp = SmtpInjector("127.0.0.1", server.port, connections=1)
        results = await smtp.inject([message(key) for key in range(1, 8)])
        await smtp.close()
    assert [r.result for r in results] == [R.ACCEPTED] * 7
    assert Counter(Counter(recipient for recipient, _ in server.messages).values()) == {1: 7}


@pytest.mark.parametrize(("step", "reached"), [("body", False), ("stored", True)])
async def test_a_connection_lost_behind_the_final_dot_is_in_doubt_and_never_retried(step: str, reached: bool) -> None:
    def script(at: str, address: str, _count: int) -> str | None:
        return "cut" if at == step and address == "p3@example.org" else None

    async with TinySmtp(script) as server:
        smtp = SmtpInjector("127.0.0.1", server.port, connections=2)
        results = {r.key: r.result for r in await smtp.inject([message(key) for key in range(1, 8)])}
        await smtp.close()
    assert results == {key: R.IN_DOUBT if key == 3 else R.ACCEPTED for key in range(1, 8)}
    assert Counter(r for r, _ in server.messages)["p3@example.org"] == int(reached)


async def test_nobody_at_the_door_means_not_handed_over() -> None:
    async with TinySmtp() as server:
        port = server.port
    results = await SmtpInjector("127.0.0.1", port, timeout=2).inject([message(1), message(2)])
    assert [(r.result, r.code) for r in results] == [(R.REFUSED_TEMP, 0)] * 2


async def test_a_server_that_is_too_busy_to_greet_is_quoted() -> None:
    async with TinySmtp(lambda at, _address, _count: 421 if at == "connect" else None) as server:
        results = await SmtpInjector("127.0.0.1", server.port, timeout=2).inject([message(1), message(2)])
    assert [(r.result, r.code, r.where) for r in results] == [(R.REFUSED_TEMP, 421, "connect")] * 2


async def test_a_server_that_limits_messages_per_connection_gets_new_connections() -> None:
    async with TinySmtp(lambda at, _address, count: 421 if at == "MAIL" and count >= 5 else None) as server:
        smtp = SmtpInjector("127.0.0.1", server.port, connections=2)
        results = await smtp.inject([message(key) for key in range(1, 24)])
        await smtp.close()
    assert {r.result for r in results} == {R.ACCEPTED}
    assert len(results) == len(server.messages) == 23


async def test_connections_that_died_between_batches_are_replaced() -> None:
    async with TinySmtp(lambda at, _address, count: "cut" if at == "RCPT" and count == 1 else None) as server:
        smtp = SmtpInjector("127.0.0.1", server.port, connections=4)
        for key in range(1, 6):
            assert [r.result for r in await smtp.inject([message(key)])] == [R.ACCEPTED]
        await smtp.close()


BODIES = [b"a\r\n.\r\nb\r\n", b".start\r\n", b"..\r\n...\r\n", b"no end", b"\r\n\r\n.x\r\n"]


@pytest.mark.parametrize("body", BODIES)
async def test_dots_survive_the_way(body: bytes) -> None:
    data = b"Subject: x\r\n\r\n" + body
    async with TinySmtp() as server:
        smtp = SmtpInjector("127.0.0.1", server.port)
        await smtp.inject([message(1, data)])
        await smtp.close()
    assert server.messages[0][1] == (data if data.endswith(b"\r\n") else data + b"\r\n")
    assert dot_stuffed(b".\r\n") == b"..\r\n.\r\n"


@pytest.mark.parametrize("address", ["a@b>\r\nRCPT TO:<c@d", "a b@c.d", "ü@c.d", "a<b@c.d"])
async def test_an_address_that_is_no_address_never_reaches_the_wire(address: str) -> None:
    async with TinySmtp() as server:
        smtp = SmtpInjector("127.0.0.1", server.port)
        results = await smtp.inject([Message(1, "bounce@mail.example", address, b"x\r\n"), message(2)])
        await smtp.close()
    assert {r.key: (r.result, r.where) for r in results}[1] == (R.REFUSED_PERM, "RCPT")
    assert [recipient for recipient, _ in server.messages] == ["p2@example.org"]
