"""Accounting files named by hand: they count as the live log's do, once, and nothing is decided on them."""

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import NOW
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.leases import lease
from ignite_adapters.postgres.reported import ReportedRates
from ignite_adapters.postgres.tallies import LogBook
from ignite_app.cli.main import run as cli
from ignite_app.workers.backfill import backfill
from ignite_domain.errors import BadInput, PortFailure
from ignite_domain.governance.ports import Step
from ignite_domain.governance.reported import read_rates
from ignite_domain.isps import Isp
from integration.test_ingest import FILE, RATE, Desk, day, desk, line  # noqa: F401  # the fixture

ODD = "smtp;599 5.9.9 Computer says no to <p8@gmail.com> at 198.51.100.7 (p8@gmail.com)"


async def fill(desk: Desk, *paths: Path, **more: Any) -> list[dict[str, Any]]:  # noqa: F811
    store = more.pop("store", None) or PostgresGovernanceStore(desk.pool)
    return await backfill(paths, store, {"192.0.2.14": "mta4"}, desk.clock, **more)  # type: ignore[arg-type]


async def test_a_file_named_by_hand_means_what_it_means_in_the_log_and_counts_once(desk: Desk) -> None:  # noqa: F811
    desk.write(*day())
    path = desk.directory / FILE
    (one,) = await fill(desk, path, batch=4)
    assert (one["records"], one["rejected"], one["known"], one["unfinished"]) == (19, 1, False, 0)
    assert one["by_type"] == {"b": 2, "d": 8, "f": 1, "p": 1, "r": 2, "rb": 1, "rs": 1, "t": 2, "tq": 1}
    events = await desk.events()
    assert (events["delivered"], events["hard_bounced"], events["complained"]) == (6, 2, 1)
    assert dict(
        await desk.rows("select id, data_quality_score::float from mailing_subscribers where id in (2, 3)")
    ) == {
        2: 0.0,
        3: 0.75,
    }
    (again,) = await fill(desk, path)
    assert (again["records"], again["rejected"], again["known"]) == (0, 0, True)
    assert await desk.run() == 0  # nor does the worker, which finds it in its folder
    assert (await desk.events())["delivered"] == 6


async def test_nothing_is_decided_and_nothing_is_claimed_about_the_log(desk: Desk) -> None:  # noqa: F811
    desk.write(*(line("t", "x", 4 + n / 60, "4.7.28", RATE, rcpt=f"q{n}@gmail.com") for n in range(40)))
    await fill(desk, desk.directory / FILE)
    assert await desk.rows("select count(*) from mailing_engine_decisions") == [(0,)]
    assert await desk.rows("select count(*) from mailing_engine_agents") == [(0,)]
    assert await PostgresGovernanceStore(desk.pool).read_until() is None
    assert await LogBook(desk.pool).logs() == []
    assert await desk.rows("select n from mailing_engine_signals where signal = 'deferral' limit 1") != []


async def test_records_before_since_are_passed_over(desk: Desk) -> None:  # noqa: F811
    desk.write(line("d", 1, 1), line("d", 2, 5), line("d", 3, 9))
    (one,) = await fill(desk, desk.directory / FILE, since=NOW + timedelta(minutes=5))
    assert (one["records"], one["skipped"]) == (2, 1)
    assert (await desk.events())["delivered"] == 2


async def test_old_records_count_as_far_back_as_events_are_kept_and_are_no_news(desk: Desk) -> None:  # noqa: F811
    months = 60 * 24 * 60
    desk.write(line("d", 1, -400 * 24 * 60), line("d", 2, -months), line("d", 3, 2))
    path = desk.directory / FILE
    await fill(desk, path, oldest=timedelta(days=90))
    rows = await desk.rows("select subscriber_id, event_at from subscriber_events where event_type = 'delivered'")
    assert sorted(rows) == [(2, NOW - timedelta(days=60)), (3, NOW + timedelta(minutes=2))]
    assert await desk.rows("select reason from mailing_engine_feed_rejects") == [
        ("timeLogged lies in the future or more than 90 days back",)
    ]
    day_window = (
        "select n from mailing_engine_signal_state where scope_type = 'isp' and signal = 'attempt' and window_s = 86400"
    )
    desk.write(line("d", 4, 3))
    await desk.run()
    assert await desk.rows(day_window) == [(2,)]  # two of today, whatever there was before


class DiesLate(PostgresGovernanceStore):
    """A store whose third save fails."""

    saves = 0

    async def save(self, step: Step) -> None:
        self.saves += 1
        if self.saves == 3:
            raise PortFailure("PostgreSQL", "went away")
        await super().save(step)


async def test_broken_off_in_the_middle_another_run_takes_the_rest(desk: Desk) -> None:  # noqa: F811
    desk.write(*day())
    path = desk.directory / FILE
    with pytest.raises(PortFailure):
        await fill(desk, path, store=DiesLate(desk.pool), batch=4)
    (one,) = await fill(desk, path)
    assert one["known"]
    assert (await desk.events())["delivered"] == 6
    assert await desk.rows("select ingested, rejected from mailing_engine_feeds") == [(19, 1)]


async def test_gzipped_and_unfinished_files_are_read_and_the_host_they_are_from_is_kept(desk: Desk) -> None:  # noqa: F811
    desk.write(line("d", 1, 1), line("d", 2, 1)[:50])
    path = desk.directory / FILE
    packed = desk.directory / "other.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    (plain,) = await fill(desk, path)
    assert (plain["records"], plain["rejected"], plain["unfinished"]) == (1, 0, 50)
    (same,) = await fill(desk, packed)  # the same file, and it has come to its end
    assert (same["records"], same["rejected"], same["known"]) == (0, 1, True)
    (far,) = await fill(desk, packed, host="mta2")
    assert (far["records"], far["rejected"]) == (1, 1)
    assert sorted(await desk.rows("select split_part(path, '/', 1) from mailing_engine_feeds")) == [
        ("mta2",),
        ("other.csv.gz",),
    ]


async def test_replies_that_nobody_knows_are_kept_masked_and_bounded(desk: Desk) -> None:  # noqa: F811
    desk.write(*(line("b", n, 2, "5.9.9", ODD.replace("p8", f"p{n}"), rcpt=f"p{n}@gmail.com") for n in (8, 9)))
    await desk.run()
    (one,) = await LogBook(desk.pool).unknown(10)
    assert (one["isp"], one["status"], one["count"]) == ("gmail", "5.9.9", 2)
    assert "computer says no" in one["text"]
    assert not any(word in one["text"] for word in ("p8", "p9", "gmail", "198.51"))
    assert await LogBook(desk.pool).unknown_count() == (1, 2)


def test_rates_are_read_by_column_and_every_wrong_row_is_named() -> None:
    found, refused = read_rates(
        [
            "ISP,Date,complaint_rate,complaints,delivered,domain\n",
            "Gmail,2026-11-01,0.12%,,,mail.example\n",
            "gmail,2026-11-02,0.0005,,,mail.example\n",
            "gmail,2026-11-03,,3,2000,mail.example\n",
            "hotmail,2026-11-03,0.1,,,mail.example\n",
            "gmail,yesterday,0.1,,,mail.example\n",
            "gmail,2026-11-03,12,,,mail.example\n",
            "gmail,2026-11-03,,3,0,mail.example\n",
            "gmail,2026-11-03,nan,,,mail.example\n",
        ]
    )
    assert [(one.day.day, one.rate) for one in found] == [(1, 0.0012), (2, 0.0005), (3, 0.0015)]
    assert [(one.line, one.reason.partition(":")[0]) for one in refused] == [
        (5, "isp"),
        (6, "date"),
        (7, "complaint_rate"),
        (8, "neither complaint_rate nor complaints and delivered are given"),
        (9, "complaint_rate"),
    ]
    with pytest.raises(BadInput, match="domain"):
        read_rates(["date,isp,complaint_rate\n"])


async def test_a_rate_that_is_imported_again_replaces_the_first(desk: Desk) -> None:  # noqa: F811
    found, _ = read_rates(["date,isp,domain,complaint_rate", "2026-11-01,gmail,mail.example,0.001"])
    rates = ReportedRates(desk.pool)
    assert [await rates.keep(found, "postmaster", NOW) for _ in range(2)] == [1, 0]
    again, _ = read_rates(["date,isp,domain,complaints,delivered", "2026-11-01,gmail,mail.example,4,2000"])
    assert await rates.keep(again, "file", NOW) == 1
    (row,) = await rates.since(NOW, 30)
    assert (row["isp"], row["rate"], row["complaints"], row["source"]) == (Isp.GMAIL, 0.002, 4, "file")


def test_the_command_needs_files_that_are_there_and_an_instant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "acct.csv.gz"
    path.write_bytes(gzip.compress(b"type,timeLogged\r\nd,1793610000\r\np,1793610001\r\nd,1793700000\r\n"))
    assert cli(["ingest", str(path), "--dry-run", "--since", "yesterday"]) == 2
    assert cli(["ingest", str(tmp_path / "none.csv")]) == 2
    assert cli(["ingest"]) == 2
    assert cli(["ingest", str(path), "--dry-run", "--json", "--since", "2026-11-02T09:00:02Z"]) == 0
    assert '"records": 1' in capsys.readouterr().out


def test_by_command_a_file_is_taken_in_once_and_only_while_no_worker_ingests(
    pg_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IGNITE_DATABASE__DSN", pg_dsn)
    monkeypatch.setenv("IGNITE_LOG__FILE", str(tmp_path / "log"))
    stamp = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}+0000"
    path = tmp_path / "acct.csv"
    path.write_text(
        f"type,timeLogged,rcpt,dsnStatus,dsnDiag\nd,{stamp},a@gmail.com,2.0.0,\nb,{stamp},b@gmail.com,5.9.9,599 odd\n"
    )
    assert cli(["ingest", str(path), "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["records"], first["rejected"], first["known"]) == (2, 0, False)
    assert cli(["ingest", str(path), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["records"], again["known"]) == (0, True)
    assert cli(["ingest", str(path), "--host", "nobody"]) == 2

    async def meanwhile() -> int:
        async with lease(pg_dsn, "worker:ingest") as held:
            assert held is not None
            return await asyncio.to_thread(cli, ["ingest", str(path)])

    assert asyncio.run(meanwhile()) == 3
    assert "stop it" in capsys.readouterr().err

    rates = tmp_path / "rates.csv"
    rates.write_text(
        "date,isp,domain,complaint_rate\n2026-11-01,gmail,mail.example,0.1%\n2026-11-01,x,mail.example,1\n"
    )
    assert cli(["signals", "import", str(rates), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["changed"], told["rejects"][0]["line"]) == (1, 1, 3)

    assert cli(["status", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["unknown_replies"], status["alerts"]) == ({"texts": 1, "records": 1}, [])
