"""The worker `limiters` on a real database: a brand that moves is an open alert, and its people move along."""

import pytest

from conftest import NOW
from ignite_adapters.postgres.alerts import AlertStore
from ignite_adapters.postgres.limiters import PostgresLimiters
from ignite_adapters.postgres.pool import Pool
from ignite_app.workers.limiters import LimiterWatch
from ignite_domain.errors import PortFailure
from ignite_domain.verification import MxAnswer, MxKind
from integration.sending import HandClock


class Dns:
    """Answers for the domains it knows; of all others it says nothing."""

    def __init__(self, **hosts: str) -> None:
        self.hosts = {name.replace("_", "."): host for name, host in hosts.items()}

    async def __call__(self, domain: str) -> MxAnswer:
        host = self.hosts.get(domain)
        return MxAnswer(MxKind.MX, (host,)) if host else MxAnswer(MxKind.UNKNOWN)


def watch(pool: Pool, dns: Dns, clock: HandClock) -> LimiterWatch:
    return LimiterWatch(
        dns,
        PostgresLimiters(pool),
        AlertStore(pool),
        clock,  # type: ignore[arg-type]  # the part of a Clock that workers use
        hours=12,
        concurrency=4,
    )


async def _person(pool: Pool, email: str, domain: str, isp: str, group: str) -> None:
    async with pool.connection() as conn:
        await conn.execute(
            "insert into mailing_subscribers (email, email_md5, domain, isp, limiter_group, imported_at, updated_at) "
            "values (%s, md5(%s), %s, %s, %s, %s, %s)",
            (email, email, domain, isp, group, NOW, NOW),
        )


async def test_a_brand_that_moves_is_told_and_its_people_belong_to_the_new_limiter(pool: Pool) -> None:
    await _person(pool, "ann@cox.net", "cox.net", "cox", "cox")
    await _person(pool, "bob@gmail.com", "gmail.com", "gmail", "gmail")
    dns, clock = Dns(cox_net="cxr.mx.a.cloudfilter.net", gmail_com="gmail-smtp-in.l.google.com"), HandClock(NOW)
    await watch(pool, dns, clock).step()
    assert await AlertStore(pool).listed(1 << 62, 10) == []

    clock.advance(hours=12)
    dns.hosts["cox.net"] = "mta5.am0.yahoodns.net"
    await watch(pool, dns, clock).step()  # another process after a restart: what was known is stored
    (alert,) = await AlertStore(pool).listed(1 << 62, 10, open_only=True)
    assert (alert["kind"], alert["subject"]) == ("mx_group_changed", "cox: cox to yahoo")
    async with pool.connection() as conn:
        rows = await (await conn.execute("select domain, limiter_group from mailing_subscribers order by 1")).fetchall()
    assert rows == [("cox.net", "yahoo"), ("gmail.com", "gmail")]

    clock.advance(hours=12)
    dns.hosts.pop("cox.net")  # DNS says nothing: no move back, and the alert stays
    await watch(pool, dns, clock).step()
    assert len(await AlertStore(pool).listed(1 << 62, 10, open_only=True)) == 1
    clock.advance(days=7)
    await watch(pool, dns, clock).step()
    assert await AlertStore(pool).listed(1 << 62, 10, open_only=True) == []


async def test_dns_that_is_away_is_said_and_changes_nothing(pool: Pool) -> None:
    with pytest.raises(PortFailure, match="no answer about any"):
        await watch(pool, Dns(), HandClock(NOW)).step()
    assert await PostgresLimiters(pool).known() == {}
