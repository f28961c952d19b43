"""Streams of outcomes for the tests of signals and agents: plain arithmetic, no dice unless seeded here."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.isps import Isp

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
IPS = ("192.0.2.11", "192.0.2.12", "192.0.2.13")


def outcome(
    number: int,
    at: datetime,
    kind: OutcomeKind = OutcomeKind.DELIVERED,
    *,
    isp: Isp | None = Isp.GMAIL,
    ip: str | None = None,
    job: str = "c1",
    **more: object,
) -> Outcome:
    address = ip or IPS[number % len(IPS)]
    name = isp.value if isp else "elsewhere"
    return Outcome(
        at=at,
        isp=isp,
        kind=kind,
        ip=address,
        job=job,
        queue=f"{name}.com/mta",
        recipient=f"r{number}",
        first=True,
        **more,  # type: ignore[arg-type]  # named fields of Outcome
    )


def steady(count: int, per_hour: int, at: datetime = START, **more: object) -> Iterator[Outcome]:
    """`count` deliveries, evenly spaced."""
    for number in range(count):
        yield outcome(number, at + timedelta(hours=number / per_hour), **more)  # type: ignore[arg-type]


def calm(seed: int, count: int, per_hour: int, isp: Isp | None) -> Iterator[Outcome]:
    """A calm provider: 2 % deferred, 1.2 % dead addresses, 0.3 % refused, 0.02 % complaints, at random."""
    dice = random.Random(seed)
    for number in range(count):
        at = START + timedelta(hours=number / per_hour)
        roll = dice.random()
        if roll < 0.02:
            yield outcome(number, at, OutcomeKind.DEFERRED, isp=isp, reply_kind="load", reply_rule="busy")
        elif roll < 0.032:
            yield outcome(
                number, at, OutcomeKind.BOUNCED, isp=isp, address_fault=True, reply_kind="invalid", reply_rule="unknown"
            )
        elif roll < 0.035:
            yield outcome(
                number, at, OutcomeKind.BOUNCED, isp=isp, about_us=True, reply_kind="policy", reply_rule="policy"
            )
        else:
            yield outcome(number, at, isp=isp)
            if dice.random() < 0.0002:
                yield outcome(number, at, OutcomeKind.COMPLAINED, isp=isp)
