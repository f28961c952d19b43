"""Accounting files, typed by hand from PMTA's guide, into PostgreSQL: exact counts, and none of them twice."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

import attrs
import pytest

from conftest import NOW
from ignite_adapters.pmta.accounting import DirectoryFeed
from ignite_adapters.postgres.alerts import AlertStore
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.reading import ReadingRoom
from ignite_app.workers.ingest import IngestWorker
from ignite_domain.errors import PortFailure
from ignite_domain.governance.health import FREEZES, Finding
from ignite_domain.governance.orchestrator import Orchestrator
from ignite_domain.governance.ports import Step
from ignite_domain.governance.words import Action, AgentKind, Decision, DecisionStatus, Mode, TargetType
from ignite_domain.isps import Isp
from integration.sending import HandClock

HEADER = (
    "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,"
    "dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,vmtaPool"
)
FILE = "acct-all-2026-11-02-0001.csv"
GONE = "smtp;550 5.1.1 <x>: user does not exist"
FULL = "smtp;552 5.2.2 Mailbox full"
RATE = "smtp;421 4.7.28 Gmail has detected an unusual rate of mail originating from your IP address"


def stamp(minutes: float) -> str:
    return (NOW + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S+0000")


def line(
    kind: str,
    send: int | str,
    minutes: float,
    status: str = "2.0.0 (success)",
    text: str = "smtp;250 2.0.0 OK",
    *,
    rcpt: str = "x@gmail.com",
    ip: str = "192.0.2.11",
    vmta: str = "mta1",
    job: str = "c1",
) -> str:
    """One line under HEADER, as PMTA writes it."""
    envid = f"ig{send}" if isinstance(send, int) else send
    mta = "gmail-smtp-in.l.google.com (192.0.2.9)"
    return (
        f'{kind},{stamp(minutes)},{stamp(minutes)},bounce@mail.example,{rcpt},,,{status},"{text}",{mta},,smtp,'
        f'app (127.0.0.1),smtp,{ip},192.0.2.9,"SIZE,STARTTLS",,{vmta},{job},{envid},gmail.com/{vmta},\r\n'
    )


@attrs.define
class Desk:
    """A worker on a real database and a real directory, with a clock that the test turns."""

    pool: Pool
    directory: Path
    clock: HandClock
    mode: Mode = Mode.ACT
    batch: int = 3000

    def worker(self, store: PostgresGovernanceStore | None = None, **more: Any) -> IngestWorker:
        return IngestWorker(
            DirectoryFeed(self.directory),
            store or PostgresGovernanceStore(self.pool),
            Orchestrator(lambda kind, isp: self.mode),
            {"192.0.2.14": "mta4"},
            self.clock,  # type: ignore[arg-type]  # the part of a Clock that workers use
            poll_seconds=10,
            batch=self.batch,
            **more,
        )

    def write(self, *lines: str, name: str = FILE, header: str = HEADER) -> None:
        path = self.directory / name
        if not path.exists():
            path.write_text(header + "\r\n", newline="")
        with path.open("a", newline="") as file:
            file.write("".join(lines))

    async def run(self, worker: IngestWorker | None = None) -> int:
        worker = worker or self.worker()
        total = 0
        while done := await worker.step():
            total += done
        return total

    async def rows(self, query: str, *args: Any) -> list[tuple[Any, ...]]:
        async with self.pool.connection() as conn:
            return await (await conn.execute(query.encode(), args)).fetchall()

    async def events(self) -> Counter[str]:
        return Counter(row[0] for row in await self.rows("select event_type from subscriber_events"))


@pytest.fixture
async def desk(pool: Pool, tmp_path: Path) -> Desk:
    """Twenty people at Gmail, one send each (ids 1 to 20), handed over ten minutes ago; 15 is in doubt."""
    async with pool.connection() as conn:
        await conn.execute(
            "insert into mailing_subscribers (email, email_md5, domain, isp, limiter_group, data_quality_score, "
            "imported_at, updated_at) select 'p' || n || '@gmail.com', md5('p' || n || '@gmail.com'), 'gmail.com', "
            "'gmail', 'gmail', 0.50, %(now)s, %(now)s from generate_series(1, 20) n",
            {"now": NOW},
        )
        await conn.execute(
            "insert into mailing_campaigns (name, status, from_name, from_address, landing_url, created_at, "
            "created_by) values ('November', 'sending', 'D', 'd@mail.example', 'https://x.example/', %s, 'test')",
            (NOW,),
        )
        await conn.execute(
            "insert into mailing_sends (campaign_id, subscriber_id, isp, domain, state, vmta, claimed_at, injected_at) "
            "select 1, n, 'gmail', 'gmail.com', case n when 15 then 'in_doubt' else 'injected' end, "
            "case n when 20 then 'mta4' else 'mta1' end, %(now)s, case n when 15 then null else %(now)s end "
            "from generate_series(1, 20) n",
            {"now": NOW},
        )
        await conn.execute(
            "insert into mailing_warmup_days (vmta, ip, isp, day, budget) "
            "values ('mta4', '192.0.2.14', 'gmail', %s, 50)",
            (NOW.date(),),
        )
    return Desk(pool, tmp_path, HandClock(NOW + timedelta(minutes=10)))


def day() -> Sequence[str]:
    """A bit of everything."""
    return [
        line("r", 15, 1),
        line("r", 16, 1),
        *(line("d", n, 2) for n in (1, 2, 3, 15)),
        line("t", 4, 2, "4.3.0", "smtp;421 4.3.0 Temporary System Problem.  Try again later (10)."),
        line("t", 4, 4, "4.3.0", "smtp;421 4.3.0 Temporary System Problem.  Try again later (10)."),
        line("d", 4, 6),
        line("b", 5, 3, "5.1.1 (bad destination mailbox address)", GONE),
        line("b", 6, 3, "5.2.2 (mailbox full)", FULL),
        line("f", 1, 7, "", ""),
        line("tq", "", 3, "4.4.1", "smtp;421 no answer from host", rcpt=""),
        line("rb", 2, 8, "5.1.1", GONE),
        line("rs", 3, 8, "4.4.1", "smtp;451 4.4.1 still trying"),
        line("d", 20, 5, ip="192.0.2.14", vmta="mta4"),
        line("d", "someone-elses", 5, rcpt="who@yahoo.com", job="other"),
        line("d", 999_999, 5),
        line("p", 7, 5),
        line("d", 7, 5)[:80] + "\r\n",
    ]


async def test_every_line_is_counted_once_and_means_what_it_says(desk: Desk) -> None:
    desk.write(*day())
    assert await desk.run() == 20
    events = await desk.events()
    del events["quality_changed"]  # how often a score moved on its way depends on the batches; where it ends does not
    assert events == {
        "delivered": 6,  # 1 2 3 4 15 20
        "deferred": 2,
        "soft_bounced": 1,
        "hard_bounced": 2,  # 5 at once, 2 afterwards
        "complained": 1,
        "suppressed": 3,
        "sent": 1,  # 15 was in doubt
    }
    scores = dict(await desk.rows("select id, data_quality_score::float from mailing_subscribers where id <= 7"))
    assert scores == {1: 0.0, 2: 0.0, 3: 0.75, 4: 0.75, 5: 0.0, 6: 0.5, 7: 0.5}
    assert await desk.rows(
        "select id, status_reason from mailing_subscribers where status = 'suppressed' order by 1"
    ) == [
        (1, "complained"),
        (2, "hard_bounced"),
        (5, "hard_bounced"),
    ]
    listed = await desk.rows("select email_md5 from mailing_global_suppressions")
    assert {row[0] for row in listed} == {md5(f"p{n}@gmail.com".encode()).hexdigest() for n in (1, 2, 5)}
    assert await desk.rows(
        "select id, state, outcome, attempts from mailing_sends where id in (1, 2, 3, 4, 5, 15, 16) order by id"
    ) == [
        (1, "injected", "complained", 1),
        (2, "injected", "hard_bounced", 1),
        (3, "injected", "delivered", 1),
        (4, "injected", "delivered", 3),
        (5, "injected", "hard_bounced", 1),
        (15, "injected", "delivered", 1),
        (16, "injected", None, 0),
    ]
    assert await desk.rows("select ingested, rejected, line from mailing_engine_feeds") == [(19, 1, 21)]
    assert await desk.rows("select line, reason from mailing_engine_feed_rejects order by line") == [
        (21, "5 fields where the header names 23"),
    ]
    assert await desk.rows("select accepted, deferred, bounced, complained from mailing_warmup_days") == [(1, 0, 0, 0)]
    assert await desk.rows("select count(*), sum(evaluations) from mailing_engine_agents") == [(48, 96)]
    # first attempts of gmail in an hour: 1 2 3 15 4 5 6 20 999999; "someone else's" is Yahoo's
    assert await desk.rows(
        "select isp, n, x from mailing_engine_signal_state where scope_type = 'isp' and signal = 'deferral' "
        "and window_s = 3600 order by isp"
    ) == [("gmail", 9, 1), ("yahoo", 1, 0)]


async def test_a_dead_address_leads_to_a_decision_that_its_suppression_names(desk: Desk) -> None:
    desk.write(*(line("b", n, 3, "5.1.1", GONE) for n in (5, 6, 7)))
    await desk.run()
    (decision,) = await desk.rows(
        "select id, agent, action, status, isp, evidence from mailing_engine_decisions where action = 'suppress'"
    )
    assert decision[1:5] == ("suppression", "suppress", "applied", "gmail")
    assert decision[5]["recipients"] == 3
    assert await desk.rows("select distinct isp, decision_id from mailing_engine_suppressions") == [
        ("gmail", decision[0])
    ]
    live = await desk.rows("select type, count(*) from live_feed group by 1 order by 1")
    assert dict(live)["hard_bounced"] == 3
    assert dict(live)["decision"] >= 1


async def test_a_second_start_finds_nothing_new(desk: Desk) -> None:
    desk.write(*day())
    await desk.run()
    before = await desk.events()
    assert await desk.run() == 0
    assert await desk.events() == before


async def test_restarted_after_every_few_lines_it_ends_where_one_run_ends(desk: Desk, tmp_path: Path) -> None:
    desk.write(*day())
    desk.batch = 3
    steps = 0
    while await desk.worker().step():  # a new worker each time: nothing is kept but what is stored
        steps += 1
    assert steps == 7
    assert (await desk.events())["delivered"] == 6
    assert await desk.rows("select attempts from mailing_sends where id = 4") == [(3,)]
    assert await desk.rows("select ingested, rejected, line from mailing_engine_feeds") == [(19, 1, 21)]
    assert await desk.rows(
        "select n, x from mailing_engine_signal_state where isp = 'gmail' and scope_type = 'isp' "
        "and signal = 'deferral' and window_s = 3600"
    ) == [(9, 1)]


async def test_killed_between_a_backlog_and_its_ledger_the_next_start_lets_the_ledger_follow(desk: Desk) -> None:
    await desk.rows("update mailing_sends set state = 'injected' where id = 15 returning id")
    desk.write(line("r", 1, 1))
    await desk.run()  # the file's header is known
    desk.write(*(line("d", n, 2 + n / 100) for n in range(1, 21)), line("f", 3, 5, "", ""))
    desk.batch = 20
    killed = desk.worker()
    assert await killed.step() == 20  # a full batch: there may be more, so the ledger waits
    assert (await desk.events())["delivered"] == 20
    assert await desk.rows("select count(*) from mailing_sends where outcome is not null") == [(0,)]
    assert await desk.rows("select sum(cardinality(sends)) from mailing_engine_unsettled") == [(20,)]
    assert await desk.run() == 1
    assert await desk.rows("select outcome, attempts, count(*) from mailing_sends group by 1, 2 order by 1") == [
        ("complained", 1, 1),
        ("delivered", 1, 19),
    ]
    scores = await desk.rows(
        "select data_quality_score::float, count(*) from mailing_subscribers group by 1 order by 1"
    )
    assert scores == [(0.0, 1), (0.75, 19)]
    assert await desk.rows("select count(*) from mailing_engine_unsettled") == [(0,)]


@pytest.mark.parametrize("asked", [False, True], ids=["by default", "where a setting asks for it"])
async def test_mail_that_is_not_ours_counts_and_suppresses_only_if_a_setting_says_so(desk: Desk, asked: bool) -> None:
    dead = ("5.1.1", "smtp;550-5.1.1 The email account that you tried to reach does not exist.")
    desk.write(
        line("d", "theirs", 2, rcpt="p1@gmail.com"),
        line("b", "theirs", 3, *dead, rcpt="p2@gmail.com"),
        line("b", "theirs", 3, "5.7.1", "smtp;550 5.7.1 Message blocked due to our policy", rcpt="p3@gmail.com"),
    )
    await desk.run(desk.worker(suppress_foreign=asked))
    attempts = await desk.rows(
        "select n from mailing_engine_signal_state where isp = 'gmail' and scope_type = 'isp' and signal = 'attempt' "
        "and window_s = 3600"
    )
    assert attempts == [(3,)]
    assert await desk.events() == {}
    assert await desk.rows("select distinct data_quality_score::float8, status from mailing_subscribers") == [
        (0.5, "active")
    ]
    listed = await desk.rows("select isp, email_md5, reason, expires from mailing_engine_suppressions")
    assert listed == ([("gmail", md5(b"p2@gmail.com").hexdigest(), "hard_bounced", None)] if asked else [])
    assert await desk.rows("select count(*) from mailing_global_suppressions") == [(0,)]


class DiesOnce(PostgresGovernanceStore):
    """A store whose first save fails after the work was done."""

    died = False

    async def save(self, step: Step) -> None:
        if not self.died:
            self.died = True
            raise PortFailure("PostgreSQL", "went away")
        await super().save(step)


async def test_a_step_that_could_not_be_saved_is_done_again_from_what_is_stored(desk: Desk) -> None:
    desk.write(*day())
    worker = desk.worker(DiesOnce(desk.pool))
    with pytest.raises(PortFailure):
        await worker.step()
    assert await desk.events() == {}
    assert await desk.run(worker) == 20
    assert (await desk.events())["delivered"] == 6
    assert await desk.rows(
        "select n from mailing_engine_signal_state where isp = 'gmail' and scope_type = 'isp' and signal = 'deferral' "
        "and window_s = 3600"
    ) == [(9,)]


async def test_a_new_header_and_a_new_file_are_read_by_their_own_names(desk: Desk) -> None:
    desk.write(line("d", 1, 2), "envId,type\r\n", f"type,timeLogged,envId\r\nd,{stamp(3)},ig2\r\n")
    second = "acct-all-2026-11-02-0002.csv"
    desk.write(f"d,ig3,x@gmail.com,{stamp(3)}\r\nd,ig4", name=second, header="type,envId,rcpt,timeLogged")
    await desk.run()
    assert (await desk.events())["delivered"] == 2 + 1  # the last line has no end yet
    desk.write(f",x@gmail.com,{stamp(3)}\r\n", name=second)
    await desk.run()
    assert (await desk.events())["delivered"] == 4
    assert await desk.rows("select reason from mailing_engine_feed_rejects") == [("unknown record type",)]


async def test_a_complaint_that_names_only_the_person_finds_the_latest_mail(desk: Desk) -> None:
    mine = line("f", "", 5, "", "", rcpt="P9@gmail.com", job="")
    desk.write(mine, line("f", "", 5, "", "", rcpt="stranger@gmail.com", job=""))
    await desk.run()
    assert (await desk.events())["complained"] == 1
    assert await desk.rows("select outcome from mailing_sends where id = 9") == [("complained",)]
    counted = (
        "select scope, x from mailing_engine_signal_state "
        "where scope_type = 'job' and signal = 'complaint' and window_s = 3600"
    )
    assert await desk.rows(counted) == [("c1", 1)]  # the job of that mail


async def test_records_from_impossible_times_are_refused_and_counted(desk: Desk) -> None:
    desk.write(line("d", 1, -60 * 24 * 40), line("d", 2, 60 * 24 * 400), line("d", 3, 1))
    await desk.run()
    assert await desk.rows("select ingested, rejected from mailing_engine_feeds") == [(1, 2)]


async def test_progress_is_only_claimed_once_the_log_was_read_to_its_end(desk: Desk) -> None:
    desk.batch = 5
    desk.write(*day())
    worker = desk.worker()
    await worker.step()
    store = PostgresGovernanceStore(desk.pool)
    assert await store.read_until() is None
    await desk.run(worker)
    assert await store.read_until() == desk.clock.now()


CONFIRM = """
update mailing_engine_decisions set status = 'verified',
       parameters = parameters || jsonb_build_object('applied_rung', %s::int, 'applied_at', %s::bigint)
 where id = 1 returning id
"""
"""What the executor writes once the host has a rung."""


def second(minutes: float) -> int:
    return int((NOW + timedelta(minutes=minutes)).timestamp())


async def test_a_rate_limit_is_met_cut_steered_and_released(desk: Desk) -> None:
    """Rows only on change, one for each rung; killed between any two steps it goes on from what is stored."""
    desk.write(*(line("d", "x", 2 + n / 60) for n in range(60)))
    desk.write(*(line("t", "x", 4 + n / 60, "4.7.28", RATE, rcpt=f"q{n}@gmail.com") for n in range(40)))
    worker = desk.worker()
    await desk.run(worker)
    for _ in range(3):
        await worker.step()
    # 100 attempts in the nine minutes before 10:00 are 11.1 a minute; half of that is 5.56: rung 9 (1.2^9 = 5.16)
    cut = "select id, action, status, parameters ->> 'factor', parameters ->> 'rung' from mailing_engine_decisions"
    assert await desk.rows(cut) == [(1, "throttle", "approved", "0.464", "9")]
    await desk.rows(CONFIRM, 9, second(10))
    assert await desk.rows("select state from mailing_engine_agents where isp = 'gmail' and agent = 'throttle'") == [
        ("holding",)
    ]

    # 5 a minute, all accepted. 6.19 lies across 0.9 of the last good rate (6.67): it waits 12 minutes after the cut
    for number in range(11, 24):
        desk.write(*(line("d", "x", number + n / 10) for n in range(5)))
        desk.clock.at = NOW + timedelta(minutes=number + 1, seconds=15)
        await desk.run(desk.worker())
    steps = (
        "select decision_id, rung, round(rate_per_min::numeric, 2)::float from mailing_engine_rate_steps order by id"
    )
    assert await desk.rows(steps) == [(1, 9, 5.16), (1, 10, 6.19)]
    assert await desk.rows("select status_note from mailing_engine_decisions") == [("waiting: a change is under way",)]
    rates = await ReadingRoom(desk.pool).rates(1)
    assert rates is not None
    assert [row["reason"] for row in rates] == [
        "cut × 0.5: 40 recipients were told of a rate limit",
        "one rung up: 0 of 25 refused",
    ]
    assert rates[1]["at"] == NOW + timedelta(minutes=23, seconds=15)
    assert await ReadingRoom(desk.pool).rates(99) is None
    told = "select data ->> 'reason' from live_feed where type = 'decision' order by id"
    assert [reason for (reason,) in await desk.rows(told)][1:] == ["one rung up: 0 of 25 refused"]
    await desk.rows(CONFIRM, 10, second(24))

    # from then on 2 of 6 a minute are used: at the end of its life it goes, and nothing was probed
    desk.write(*(line("d", "x", 25 + n / 2) for n in range(34)))
    desk.clock.at = NOW + timedelta(minutes=39)
    await desk.run(desk.worker())
    assert await desk.rows("select count(*) from mailing_engine_decisions") == [(1,)]
    desk.clock.at = NOW + timedelta(minutes=41)
    await desk.worker().step()
    assert await desk.rows("select action, undoes, status, reason from mailing_engine_decisions where id > 1") == [
        ("release", 1, "approved", "it binds no more: 20 of 62 attempts used in 10 minutes, 20 of them accepted")
    ]


async def test_the_steps_of_a_rate_are_kept_as_long_as_decisions(desk: Desk) -> None:
    desk.write(*(line("t", "x", 4 + n / 60, "4.7.28", RATE, rcpt=f"q{n}@gmail.com") for n in range(40)))
    await desk.run()
    desk.clock.advance(days=300)
    await desk.worker().step()
    assert await desk.rows("select count(*) from mailing_engine_rate_steps") == [(1,)]
    over = "(select min(at) from mailing_engine_decisions)"
    ended = f"status = 'released', at = {over}, ended_at = {over}"
    await desk.rows(f"update mailing_engine_decisions set {ended} returning id")
    desk.clock.advance(days=100)
    await desk.worker().step()
    assert await desk.rows("select count(*) from mailing_engine_rate_steps") == [(0,)]


async def test_in_observe_the_same_evidence_is_only_a_proposal(desk: Desk) -> None:
    desk.mode = Mode.OBSERVE
    desk.write(*(line("t", "x", 4 + n / 60, "4.7.28", RATE, rcpt=f"q{n}@gmail.com") for n in range(40)))
    await desk.run()
    assert {row[0] for row in await desk.rows("select status from mailing_engine_decisions")} == {"proposed"}


async def test_states_of_signals_are_forgotten_after_a_week_and_what_was_counted_by_slice_is_not(desk: Desk) -> None:
    desk.write(line("d", 1, 2))
    await desk.run()
    assert await desk.rows("select count(*) > 0 from mailing_engine_signal_state") == [(True,)]
    stored = await desk.rows("select * from mailing_engine_signals order by scope_type, signal")
    assert {row[2] for row in stored} == {"isp", "host", "ip", "job", "queue"}
    desk.clock.advance(days=91)
    await desk.worker().step()
    assert await desk.rows("select count(*) from mailing_engine_signal_state") == [(0,)]
    assert await desk.rows("select * from mailing_engine_signals order by scope_type, signal") == stored  # idle: no row


async def test_a_lifetime_that_ends_while_the_log_is_silent_is_held_until_records_come_again(desk: Desk) -> None:
    alerts, now = AlertStore(desk.pool), desk.clock.now()
    stands = Decision(
        at=now - timedelta(hours=2),
        until=now - timedelta(minutes=1),
        isp=Isp.GMAIL,
        agent=AgentKind.POOL,
        action=Action.QUARANTINE_IP,
        target_type=TargetType.IP,
        target="192.0.2.11",
        reason="because",
        rule="test@1",
        evidence={"n": 1},
        status=DecisionStatus.VERIFIED,
    )
    await PostgresGovernanceStore(desk.pool).save(Step(now=now, decisions=[(stands, Mode.ACT, "")]))
    await alerts.hold([Finding("dead_man", "", "silent")], FREEZES, now)
    worker = desk.worker(alerts=alerts)
    await worker.step()
    held = "select action, until > %s, status_note like '%%dead_man%%' from mailing_engine_decisions order by id"
    assert await desk.rows(held, now) == [("quarantine_ip", True, True)]
    await alerts.hold([], FREEZES, now)
    desk.clock.advance(minutes=11)
    await worker.step()
    assert [row[0] for row in await desk.rows(held, now)] == ["quarantine_ip", "probe"]
