"""A log replayed: the same decisions however it is cut up, counted by hand, with what really became of the mail."""

import gzip
import itertools
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ignite_app.backtest.html import evidence_in_words, page
from ignite_app.backtest.meaning import Memo, said_of
from ignite_app.backtest.reading import Period
from ignite_app.backtest.run import backtest, period_of, report
from ignite_app.backtest.timeline import lines_of
from ignite_app.simulator.isps import REPLIES
from ignite_domain.errors import BadInput
from ignite_domain.governance.book import Book
from ignite_domain.governance.judging import Governance, Wrong
from ignite_domain.governance.orchestrator import Settled

HEADER = "type,timeLogged,timeQueued,orig,rcpt,dsnStatus,dsnDiag,dsnMta,dlvSourceIp,jobId,envId,queue"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
GOOD = ("2.0.0", "smtp;250 2.0.0 OK")
DEAD = ("5.1.1", "smtp;550 5.1.1 The email account that you tried to reach does not exist")
BUSY = ("4.3.2", "smtp;451 4.3.2 Please try again later")


def line(
    number: int,
    at: datetime,
    kind: str = "d",
    reply: tuple[str, str] = GOOD,
    *,
    domain: str = "gmail.com",
    ip: str = "192.0.2.1",
    job: str = "c1",
    queued: datetime | None = None,
    envid: str | None = None,
) -> str:
    logged, since = f"{at:%Y-%m-%d %H:%M:%S}+0000", f"{queued or at:%Y-%m-%d %H:%M:%S}+0000"
    return ",".join(
        (
            *(kind, logged, since, "bounce@m.example", f"p{number}@{domain}", reply[0], reply[1], f"mx.{domain}", ip),
            *(job, f"e{number}" if envid is None else envid, f"{domain}/mta1"),
        )
    )


def written(path: Path, lines: Sequence[str]) -> str:
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return str(path)


def decided(path: Path, lines: Sequence[str], policy: str = "ignite") -> list[dict]:  # type: ignore[type-arg]
    return report(backtest([written(path, lines)], policy))["decisions"]  # type: ignore[no-any-return]


def troubled_day(seed: int, count: int = 1500) -> list[str]:
    """Mail of an afternoon to four providers; one job of dead addresses, one hour of deferrals. Many share a second."""
    dice = random.Random(seed)
    lines = []
    for number in range(count):
        at = START + timedelta(seconds=dice.randrange(4 * 3600))
        domain = dice.choice(("gmail.com", "yahoo.com", "comcast.net", "firm.example"))
        ip, job = f"192.0.2.{dice.randrange(3)}", dice.choice(("c1", "c2"))
        dead = 0.4 if job == "c2" and domain == "gmail.com" and at.hour == 10 else 0.01
        busy = 0.7 if domain == "yahoo.com" and at.hour == 11 else 0.03
        roll = dice.random()
        if roll < dead:
            found = ("b", DEAD)
        elif roll < dead + busy:
            again = at + timedelta(seconds=dice.randrange(600))
            lines.append(line(number, again, "d", GOOD, domain=domain, ip=ip, job=job, queued=at))
            found = ("t", BUSY)
        else:
            found = ("d", GOOD)
        lines.append(line(number, at, *found, domain=domain, ip=ip, job=job))
    return sorted(lines, key=lambda one: one.split(",")[1])


def bare(paths: Sequence[Path]) -> bytes:
    """The report as bytes, without where refused lines stand."""
    found = report(backtest([str(path) for path in paths]))
    found["rejects"] = sorted(one["reason"] for one in found["rejects"])
    return json.dumps(found).encode()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 1500), min_size=2, max_size=2), order=st.randoms())
def test_whole_split_dealt_out_gzipped_and_shuffled_files_give_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cuts: list[int], order: random.Random
) -> None:
    root = tmp_path_factory.mktemp("cut")
    lines = [*troubled_day(seed), "nonsense,without,a,meaning"]
    first, second = sorted(cuts)
    (root / "whole").mkdir()
    whole = [Path(written(root / "whole" / "acct.csv", lines))]
    parts = [lines[:first], lines[first:second], lines[second:]]
    split = [Path(written(root / f"part{n}.csv", part)) for n, part in enumerate(parts)]
    dealt = [Path(written(root / f"dealt{n}.csv", lines[n::3])) for n in range(3)]
    order.shuffle(split)
    zipped = []
    for path in dealt:
        zipped.append(path.with_suffix(".csv.gz"))
        zipped[-1].write_bytes(gzip.compress(path.read_bytes()))
    expected = bare(whole)
    assert b'"decisions": [{' in expected
    assert bare(split) == expected
    assert bare(dealt) == expected
    assert bare(zipped) == expected


def test_lines_out_of_order_within_the_buffer_change_nothing(tmp_path: Path) -> None:
    lines = troubled_day(5)
    shuffled = list(lines)
    random.Random(1).shuffle(shuffled)
    assert bare([Path(written(tmp_path / "a.csv", shuffled))]) == bare([Path(written(tmp_path / "b.csv", lines))])


def test_replies_over_two_lines_are_read_alike(tmp_path: Path) -> None:
    """Quotes over two lines take the careful way; the neighbours' outcome is the same as in a file without."""
    lines = troubled_day(3)
    plain = bare([Path(written(tmp_path / "plain.csv", lines))])
    quoted = [
        one.replace("smtp;550", '"smtp;550').replace("not exist", 'not\nexist"') if "not exist" in one else one
        for one in lines
    ]
    assert quoted != lines
    assert bare([Path(written(tmp_path / "quoted.csv", quoted))]) == plain


def test_the_eleventh_dead_address_in_a_row_pauses_the_queue(tmp_path: Path) -> None:
    """S rises by 19 on each: 11 × 19 = 209 ≥ 206 = H at the eleventh; 100 deliveries before leave S at 0. One job and
    nothing to compare it with, so the provider's queues are paused. The Wilson bound (z 3.09) of 11 in 111 is below
    a quarter, so it is no flood."""
    lines = [line(n, START + timedelta(seconds=2 * n)) for n in range(100)]
    lines += [line(100 + n, START + timedelta(seconds=200 + 10 * n), "b", DEAD) for n in range(11)]
    first = decided(tmp_path / "a.csv", lines)[0]
    assert first == {
        "at": "2026-03-02T09:05:00Z",
        "until": "2026-03-02T10:05:00Z",
        "isp": "gmail",
        "agent": "emergency",
        "action": "pause_queue",
        "target_type": "isp",
        "target": "gmail",
        "reason": first["reason"],
        "rule": "bounce-rise@1",
        "evidence": first["evidence"],
    }
    assert {**first["evidence"], "arl0": 0} == {
        **{"n": 111, "x": 11, "window_s": 3600, "p0": 0.03, "p1": 0.08},
        **{"S": 209, "H": 206, "arl0": 0},
    }
    assert decided(tmp_path / "b.csv", lines[:-1]) == []


def test_one_bad_record_decides_nothing_and_a_threshold_stops_everything(tmp_path: Path) -> None:
    """One bounce in one message is 100 %, above gmail's 3 %; it is looked at when its minute is over."""
    lines = [line(1, START + timedelta(seconds=7), "b", DEAD)]
    assert decided(tmp_path / "a.csv", lines) == []
    (stop,) = decided(tmp_path / "b.csv", lines, "thresholds")
    assert (stop["at"], stop["until"]) == ("2026-03-02T09:01:00Z", "2026-03-02T10:01:00Z")
    assert (stop["action"], stop["target"], stop["rule"]) == ("pause_queue", "gmail", "bounce-act@1")
    assert stop["evidence"] == {"n": 1, "x": 1, "window_s": 3600, "p0": 0.015, "p1": 0.03}


@pytest.mark.parametrize(
    ("domain", "bounces", "sent", "expected"),
    [
        ("gmail.com", 3, 100, ["bounce-warn@1"]),  # 3 % is not above 3 %
        ("gmail.com", 4, 100, ["bounce-act@1"]),
        ("gmail.com", 1, 100, []),
        ("yahoo.com", 4, 100, ["bounce-warn@1"]),
        ("cox.net", 3, 100, ["bounce-warn@1"]),
        ("comcast.net", 3, 100, []),
        ("firm.example", 50, 100, []),  # the predecessor knew eight providers
    ],
)
def test_thresholds_are_the_predecessors(
    tmp_path: Path, domain: str, bounces: int, sent: int, expected: list[str]
) -> None:
    lines = [
        line(n, START, "b" if n < bounces else "d", DEAD if n < bounces else GOOD, domain=domain) for n in range(sent)
    ]
    assert [one["rule"] for one in decided(tmp_path / "a.csv", lines, "thresholds")] == expected


def test_a_lifetime_ends_in_a_probe_that_recorded_outcomes_judge(tmp_path: Path) -> None:
    """Throttled at the tenth deferral (4:30) for half an hour; ten accepted end Wald's test (10 × ln(0.95/0.7) ≥
    ln(0.95/0.05)), and the tenth comes 54 s after 9:40."""
    lines = [line(99, START - timedelta(seconds=1))]
    lines += [line(n, START + timedelta(seconds=30 * n), "t", BUSY) for n in range(10)]
    lines += [line(200 + n, START + timedelta(minutes=40, seconds=6 * n)) for n in range(40)]
    result = backtest([written(tmp_path / "a.csv", lines)])
    throttle, probe, release = result.decisions
    assert [entry.decision.action.value for entry in result.decisions] == ["throttle", "probe", "release"]
    assert throttle.decision.at == START + timedelta(seconds=270)
    assert probe.decision.at == START + timedelta(minutes=30, seconds=270)
    assert release.decision.at == START + timedelta(minutes=40, seconds=54)
    assert throttle.ended == probe.ended == release.decision.at
    assert (throttle.tally.delivered, throttle.tally.deferred) == (10, 0)


class Counting(Governance):
    """The judge that ships; counts how often it is asked."""

    asked = 0

    def look(self, now: datetime, wrong: Wrong, book: Book) -> Settled:
        self.asked += 1
        return super().look(now, wrong, book)


def test_while_a_probe_waits_for_its_mail_other_providers_mail_makes_nobody_look(tmp_path: Path) -> None:
    """Ten seconds with deferrals, the end of a throttle, and a word every twenty minutes that a probe has seen nothing:
    not the 3,600 seconds in which a provider that is well takes mail."""
    lines = [line(n, START + timedelta(seconds=30 * n), "t", BUSY) for n in range(10)]
    lines += [line(200 + n, START + timedelta(minutes=30, seconds=2 * n), domain="yahoo.com") for n in range(3600)]
    judge = Counting()
    result = backtest([written(tmp_path / "a.csv", lines)], judge=judge)
    assert [entry.decision.action.value for entry in result.decisions] == ["throttle", "probe"]
    assert judge.asked < 30


def test_a_lifetime_does_not_end_before_the_wait_that_two_recipients_were_told_is_over(tmp_path: Path) -> None:
    """The same with an hour's wait: the last but one of the ten was told at 4:00."""
    wait = ("4.3.2", "421 4.3.2 Load average too high - try again in 1 hour")
    lines = [line(99, START - timedelta(seconds=1))]
    lines += [line(n, START + timedelta(seconds=30 * n), "t", wait) for n in range(10)]
    lines += [line(200 + n, START + timedelta(minutes=minute)) for n, minute in enumerate((40, 50, 60, 70))]
    throttle, probe = backtest([written(tmp_path / "a.csv", lines)]).decisions
    assert throttle.decision.at == START + timedelta(seconds=270)
    assert probe.decision.at == START + timedelta(hours=1, minutes=4)


def test_the_job_that_carries_a_refused_link_is_paused_in_a_log_too(tmp_path: Path) -> None:
    link = (
        "5.2.0",
        "552 5.2.0 Message rejected: a URL within the body was found on blocklists (a.example) AUP#URLBL011",
    )
    lines = [line(n, START + timedelta(seconds=n), *(("b", link) if n % 2 else ()), job="c2") for n in range(40)]
    lines += [line(100 + n, START + timedelta(seconds=n), job="c1") for n in range(40)]
    found = decided(tmp_path / "a.csv", sorted(lines, key=lambda one: one.split(",")[1]))
    assert {(one["action"], one["target"]) for one in found} == {("pause_job", "c2"), ("warn", "gmail")}
    assert {(one["evidence"]["names"], one["evidence"]["named"]) for one in found} == {("url", "a.example")}


def test_only_the_first_attempt_of_a_message_moves_an_alarm(tmp_path: Path) -> None:
    """Ten first deferrals reach the alarm (10 × 4 = 40 = H); ten retries of two messages do not."""
    firsts = [line(n, START + timedelta(seconds=30 * n), "t", BUSY) for n in range(10)]
    firsts.insert(0, line(99, START - timedelta(seconds=1)))  # something is accepted: it is not silence
    retries = [line(n % 2, START + timedelta(seconds=30 * n), "t", BUSY) for n in range(10)]
    retries.insert(0, line(99, START - timedelta(seconds=1)))
    unnamed = [line(n % 2, START + timedelta(seconds=30 * n), "t", BUSY, envid="", queued=START) for n in range(10)]
    unnamed.insert(0, line(99, START - timedelta(seconds=1)))
    rules = [[one["rule"] for one in decided(tmp_path / "a.csv", lines)] for lines in (firsts, retries, unnamed)]
    assert rules == [["deferral-rise@1"], [], []]


def test_what_was_queued_long_before_the_log_began_is_no_first_attempt(tmp_path: Path) -> None:
    old = START - timedelta(hours=3)
    lines = [line(n, START + timedelta(seconds=30 * n), "t", BUSY, queued=old) for n in range(20)]
    lines.insert(1, line(99, START + timedelta(seconds=1)))
    assert decided(tmp_path / "a.csv", lines) == []


def test_since_and_until_bound_the_records(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", [line(n, START + timedelta(minutes=n)) for n in range(10)])
    found = report(backtest([path], period=period_of("2026-03-02T09:02:00Z", "2026-03-02T10:05:00+01:00")))
    assert (found["from"], found["to"], found["records"]) == ("2026-03-02T09:02:00Z", "2026-03-02T09:04:00Z", 3)
    with pytest.raises(BadInput, match="between --since and --until"):
        backtest([path], period=Period(0, 1))


@pytest.mark.parametrize(("since", "until"), [("soon", None), (None, "2026-13-01"), ("2026-03-02", "2026-03-02")])
def test_a_bad_period_names_its_option(since: str | None, until: str | None) -> None:
    with pytest.raises(BadInput, match=r"^--(since|until)"):
        period_of(since, until)


def test_refused_lines_are_named_and_the_rest_counts(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", [line(1, START), "d,yesterday" + "," * 10, "d,1,2", line(2, START)])
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(Path(path).read_bytes())[:-12])
    found = report(backtest([path]))
    assert (found["records"], found["rejected"]) == (2, 2)
    assert [(one["file"], one["line"]) for one in found["rejects"]] == [(path, 3), (path, 4)]
    assert all(one["reason"] for one in found["rejects"])
    torn = report(backtest([str(tmp_path / "b.csv.gz")]))
    assert "gzip" in torn["rejects"][-1]["reason"]


def test_the_report_loads_nothing_and_holds_every_decision(tmp_path: Path) -> None:
    lines = [one.replace(",c2,", ",https://evil.example/<script>,") for one in troubled_day(9)]
    result = backtest([written(tmp_path / "a.csv", lines)], charts=True)
    html = page(result)
    assert result.decisions
    for number, entry in enumerate(result.decisions, 1):
        row = html.split(f"<tr id=d{number}>")[1].split("</tr>")[0]
        assert f"{entry.decision.at:%H:%M:%S}" in row
        assert entry.decision.rule in row
    for loading in ("<script", "<link", "<img", "src=", "@import", "url(", 'href="http', "href=http"):
        assert loading not in html
    assert html.count("<svg") >= 3
    assert all(target in html for target in ("id=gmail", "id=yahoo", "id=d1"))


def test_evidence_is_told_in_words_with_units() -> None:
    counted = {"n": 400, "x": 30, "window_s": 3600, "p0": 0.03, "p1": 0.08, "S": 210, "H": 206, "arl0": 1_810_000.0}
    assert evidence_in_words(counted) == (
        "30 of 400 in 1 h; tolerated 3 %, found from 8 %; alarm at 210 of 206 points; "
        "by chance once in 1,810,000 messages"
    )
    told = {"reply_rule": "gmail-block", "recipients": 8, "of": 3}
    assert evidence_in_words(told) == "said to 8 recipients; the reply is known as gmail-block"


def test_a_chart_has_a_bounded_number_of_points_however_long_the_log(tmp_path: Path) -> None:
    lines = [line(n, START + timedelta(minutes=7 * n)) for n in range(3000)]  # two weeks
    charts = backtest([written(tmp_path / "a.csv", lines)], charts=True).charts
    assert charts is not None
    assert 60 < len(charts.counts["gmail"]) <= 241
    assert sum(counts[0] for counts in charts.counts["gmail"].values()) == 3000


def test_the_timeline_tells_what_became_of_the_mail(tmp_path: Path) -> None:
    result = backtest([written(tmp_path / "a.csv", troubled_day(9))])
    told = list(lines_of(result))
    assert sum("delivered" in one and one.startswith("    ") for one in told) == sum(
        entry.decision.action.value != "release" for entry in result.decisions
    )
    assert any(one.startswith("  Gmail") for one in told)


def test_masking_before_the_memo_never_changes_what_a_reply_means() -> None:
    """Every wording of the simulated providers, with other people, addresses and numbers in it."""
    memo = Memo()
    for situations in REPLIES.values():
        for replies in situations.values():
            for reply, number in itertools.product(replies, (7, 8_123_456_789, 0xABCDEF12)):
                ip, rcpt = f"198.51.100.{number % 250}", f"p{number}@gmail.com"
                blanks = {"ip": ip, "rcpt": rcpt, "domain": "m.example", "mx": "mx1.b.example", "id": f"{number:08x}"}
                text = f"smtp;{reply.text.format(**blanks)}"
                for kind in ("t", "b"):
                    said = said_of(kind, reply.status, text, "mx.gmail.com")
                    said = said._replace(names=said.names.removesuffix(f" {ip}"))  # where it was sent from
                    assert memo.meaning(kind, reply.status, text, "mx.gmail.com", rcpt, ip) == said, text


def test_the_sending_address_gives_way_only_where_it_stands_alone() -> None:
    """A host sends from .1 and .12; the reply to mail from .1 names .12, that is another address."""
    memo = Memo()
    told = "smtp;550 5.7.1 Messages from {} rejected: listed by Spamhaus"
    for sent, named, expected in (
        ("198.51.100.1", "198.51.100.12", "ip 198.51.100.12"),
        ("198.51.100.12", "198.51.100.1", "ip 198.51.100.1"),
        ("198.51.100.1", "198.51.100.1", "ip"),
        ("2001:db8::1", "2001:db8::12", "ip 2001:db8::12"),
        ("198.51.100.7", "192.0.2.1", "ip 192.0.2.1"),
    ):
        said = memo.meaning("b", "5.7.1", told.format(named), "mx.example (192.0.2.9)", "a@b.example", sent)
        assert said.names == expected, (sent, named)


def test_what_the_files_do_not_say_is_told(tmp_path: Path) -> None:
    lines = [",".join(one.split(",")[:5]) for one in (HEADER, *(line(n, START) for n in range(3)))]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    result = backtest([str(path)], charts=True)
    told = list(lines_of(result))
    lacking = (
        f"{path} has no column dsnStatus, dsnDiag, dlvSourceIp, jobId, queue: rules that go by that are silent here"
    )
    silent = "no deferrals (records t) in these files: if the host does not log them, rules about them are silent here"
    assert lacking in told
    assert silent in told
    assert silent in page(result)
    path = tmp_path / "whole.csv"
    whole = list(lines_of(backtest([written(path, [line(0, START), line(1, START, "t", BUSY)])])))
    assert [one for one in whole if "silent" in one] == []


def test_a_decision_that_stays_a_proposal_is_told_as_one(tmp_path: Path) -> None:
    """Four addresses, all refused at the host's only provider: to stop two of them would stop half of the host."""
    refused = ("5.7.1", "550 5.7.1 Message rejected due to IP reputation")
    lines = []
    for n in range(900):
        bad = n >= 300 and n % 4 in (0, 1)
        lines.append(line(n, START + timedelta(seconds=4 * n), *(("b", refused) if bad else ()), ip=f"192.0.2.{n % 4}"))
    result = backtest([written(tmp_path / "a.csv", lines)])
    proposed = [entry for entry in result.decisions if entry.proposed]
    assert proposed
    told = "\n".join(lines_of(result))
    assert told.count("(only proposed") == len(proposed)
    assert "proposed" in next(one for one in told.splitlines() if "decisions:" in one)


@pytest.mark.parametrize(
    ("name", "said"),
    [("gone.csv", "no such file"), (".", "is a folder; name the files in it"), ("--polcy", "no such option")],
)
def test_what_is_no_file_is_named_for_what_it_is(name: str, said: str) -> None:
    with pytest.raises(BadInput, match=f"^{name}: {said}$"):
        backtest([name])
