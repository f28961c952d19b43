"""Reading accounting lines: whatever a host writes becomes a record or a refusal with a reason."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_domain.governance.accounting import AccountingRecord, LineReader, Rejected, parse_time, read

HEADER = "type,timeLogged,timeQueued,rcpt,dsnStatus,dsnDiag,dsnMta,dlvSourceIp,vmta,jobId,envId,queue"
DELIVERED = (
    "d,2026-03-01 10:00:00+0000,2026-03-01 09:59:58+0000,u@gmail.com,2.0.0 (success),smtp;250 2.0.0 OK,"
    "gmail-smtp-in.l.google.com (192.0.2.9),198.51.100.7,v1,c7,ig12,gmail.com/v1"
)
DEFERRED = (
    'T,2026-03-01 12:00:05+0200,,u@yahoo.com,4.7.0 (other or undefined security status),"smtp;421 4.7.0 [TSS04] '
    'Messages from 198.51.100.7, ""bulk"", deferred",mta5.am0.yahoodns.net (192.0.2.8),198.51.100.7,v1,c7,ig13,'
    "yahoo.rollup/v1"
)


def one(line: str, header: str = HEADER) -> AccountingRecord | Rejected:
    (found,) = read([header + "\r\n", line + "\r\n"])
    return found


def test_a_delivery_is_read_with_its_times_in_utc_and_its_codes_bare() -> None:
    assert one(DELIVERED) == AccountingRecord(
        type="d",
        logged=datetime(2026, 3, 1, 10, 0, tzinfo=UTC),
        queued=datetime(2026, 3, 1, 9, 59, 58, tzinfo=UTC),
        rcpt="u@gmail.com",
        status="2.0.0",
        diagnostic="250 2.0.0 OK",
        mta="gmail-smtp-in.l.google.com",
        source_ip="198.51.100.7",
        vmta="v1",
        job="c7",
        envid="ig12",
        queue="gmail.com/v1",
    )


def test_quoted_commas_and_doubled_quotes_stay_in_their_field() -> None:
    found = one(DEFERRED)
    assert isinstance(found, AccountingRecord)
    assert found.type == "t"
    assert found.diagnostic == '421 4.7.0 [TSS04] Messages from 198.51.100.7, "bulk", deferred'
    assert found.logged == datetime(2026, 3, 1, 10, 0, 5, tzinfo=UTC)
    assert found.queued is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2019-02-08 21:54:05+0000", datetime(2019, 2, 8, 21, 54, 5, tzinfo=UTC)),
        ("2019-02-08 21:54:05-0530", datetime(2019, 2, 9, 3, 24, 5, tzinfo=UTC)),
        ("2019-02-08T21:54:05+0000", datetime(2019, 2, 8, 21, 54, 5, tzinfo=UTC)),
        ("02/08/2019 21:54:05+0000", datetime(2019, 2, 8, 21, 54, 5, tzinfo=UTC)),
        ("1549662845", datetime(2019, 2, 8, 21, 54, 5, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        ("99999999999999999999", None),
        ("0001-01-01 00:00:00+0500", None),
        ("²²²²²²²²²²", None),
    ],
)
def test_all_three_time_forms_are_understood(written: str, meant: datetime | None) -> None:
    assert parse_time(written) == meant


@pytest.mark.parametrize("name", ["delivery", "d", "D"])
def test_long_and_short_type_names_mean_the_same(name: str) -> None:
    found = one(DELIVERED.replace("d,", f"{name},", 1))
    assert isinstance(found, AccountingRecord)
    assert found.type == "d"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (DELIVERED[:-30], "fields where the header names"),
        (DEFERRED[:100], "cut off"),
        (DELIVERED.replace("d,", "p?,", 1), "unknown record type"),
        (DELIVERED.replace("d,", "p,", 1) + ",more", "unknown record type"),
        (DELIVERED.replace("v1", 'v"1', 1).replace("u@gmail.com", '"u"@gmail.com'), "not CSV"),
        (DELIVERED.replace("v1", "v" * 70_000), "longer than"),
        (DELIVERED.replace("2026-03-01 10:00:00+0000", "soon"), "timeLogged"),
        (DELIVERED.replace("v1", "v\0"), "binary"),
        (DELIVERED + ",more", "fields where the header names"),
    ],
)
def test_a_line_that_says_nothing_is_refused_with_a_reason(line: str, reason: str) -> None:
    found = one(line)
    assert isinstance(found, Rejected)
    assert found.line == 2
    assert reason in found.reason


def test_a_type_that_is_not_in_the_guide_is_passed_through_under_its_own_name() -> None:
    found = one(DELIVERED.replace("d,", "P,", 1))
    assert isinstance(found, AccountingRecord)
    assert (found.type, found.envid) == ("p", "ig12")


def test_a_quoted_text_may_hold_line_breaks_and_line_numbers_count_physical_lines() -> None:
    text = DEFERRED.replace("[TSS04] ", "[TSS04]\r\nd,2026-03-01 10:00:00+0000,no record of its own\n\n")
    first, second, third = read((HEADER + "\r\n" + text + "\r\n" + DELIVERED + "\r\nx,1\r\n").splitlines(keepends=True))
    assert isinstance(first, AccountingRecord)
    assert first.diagnostic.startswith("421 4.7.0 [TSS04]\r\nd,2026-03-01 10:00:00+0000,no record of its own\n\nMess")
    assert isinstance(second, AccountingRecord)
    assert (first.line, second.line, third) == (2, 6, Rejected(7, "unknown record type"))


def test_a_line_cut_within_its_quotes_costs_itself_alone() -> None:
    found = list(read([HEADER + "\n", DEFERRED[:110] + "\n", DELIVERED + "\n", DEFERRED + "\n", DELIVERED + "\n"]))
    assert found[0] == Rejected(2, "a quote is left open: the line is cut off")
    assert [one.envid for one in found[1:] if isinstance(one, AccountingRecord)] == ["ig12", "ig13", "ig12"]


def test_two_lines_that_are_equal_to_the_byte_are_two_records() -> None:
    tq = "tq,1549662845,cox.net/v2\n"
    assert len(list(read(["type,timeLogged,queue\n", tq, tq]))) == 2


def test_a_line_before_any_header_is_refused() -> None:
    assert list(read([DELIVERED])) == [Rejected(1, "no header line before it")]


def test_columns_are_found_by_name_in_any_order_and_case_and_the_first_of_two_counts() -> None:
    found = one("b,x@y.example,1549662845,ignored,q/1", "TYPE,RCPT,TIMELOGGED,rcpt,Queue")
    assert isinstance(found, AccountingRecord)
    assert (found.rcpt, found.queue) == ("x@y.example", "q/1")


def test_a_new_header_in_the_middle_changes_what_the_following_lines_mean() -> None:
    lines = [HEADER, DELIVERED, "type,timeLogged,queue", "tq,1549662845,cox.net/v2", DELIVERED]
    first, second, third = read(lines)
    assert isinstance(first, AccountingRecord)
    assert isinstance(second, AccountingRecord)
    assert (second.type, second.queue) == ("tq", "cox.net/v2")
    assert third == Rejected(5, "12 fields where the header names 3")


def test_a_byte_order_mark_and_blank_lines_do_no_harm() -> None:
    found = list(read(["\ufeff" + HEADER, "", "  \r\n", DELIVERED]))
    assert [type(entry) for entry in found] == [AccountingRecord]


def test_reading_goes_on_after_a_restart_with_header_and_line_alone() -> None:
    whole = list(read([HEADER, DELIVERED, DEFERRED, "d,cut"]))
    first = LineReader()
    head = [first.read(line) for line in (HEADER, DELIVERED)]
    second = LineReader(first.header, first.line)
    tail = [second.read(line) for line in (DEFERRED, "d,cut")]
    assert [entry for entry in head + tail if entry] == whole


@given(st.lists(st.text(max_size=60), max_size=12))
def test_no_text_at_all_raises(lines: list[str]) -> None:
    for entry in read([HEADER, *lines]):
        assert isinstance(entry, AccountingRecord | Rejected)


NAMES = ["timeLogged", "rcpt", "dsnDiag", "queue", "envId", "header_X", "vmta"]
TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\0\x1c\x1d\x1e\x85\u2028\u2029\x0b\x0c"), max_size=30
)


@given(st.permutations(NAMES), st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=5))
def test_what_a_csv_writer_writes_is_read_back_in_any_order_of_columns(
    names: list[str], rows: list[tuple[str, str, str]]
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["type", *names])
    for rcpt, diagnostic, queue in rows:
        cells = {"timeLogged": "1549662845", "rcpt": rcpt, "dsnDiag": diagnostic, "queue": queue}
        writer.writerow(["d", *(cells.get(name, "") for name in names)])
    found = list(read(out.getvalue().splitlines(keepends=True)))
    assert [(r.rcpt, r.diagnostic, r.queue) for r in found if isinstance(r, AccountingRecord)] == [
        (rcpt, diagnostic.removeprefix("smtp;"), queue) for rcpt, diagnostic, queue in rows
    ]


def whole(data: bytes) -> list[AccountingRecord | Rejected]:
    """What a reader makes of all of a file at once."""
    return LineReader().take(data, final=True)[0]


PIECES = st.sampled_from(
    [
        HEADER + "\r\n",
        DELIVERED + "\r\n",
        DEFERRED + "\r\n",
        DEFERRED.replace(", ", "\n") + "\n",
        DEFERRED[:105],
        DELIVERED.replace("v1", 'v"1'),
        "type,timeLogged,queue\n",
        "tq,1549662845,cox.net/v2\n",
        'tq,1549662845,"' + "x" * 40_000 + "\n",
        "y" * 70_000 + "\n",
        "\ufeff",
        "\0\n",
        '"',
        '""',
        "\n",
        "\r",
        "ü\n",
    ]
)


@given(st.lists(PIECES, max_size=10), st.lists(st.integers(1, 60_000), max_size=12), st.integers(1, 3), st.booleans())
def test_however_a_file_arrives_and_whenever_the_reader_restarts_the_records_are_the_same(
    pieces: list[str], cuts: list[int], limit: int, restarts: bool
) -> None:
    data = "".join(pieces).encode()
    reader, found, at, there = LineReader(), [], 0, 0
    for step in [*cuts, len(data)]:
        there = min(len(data), there + step)
        used = 1
        while used:
            entries, used = reader.take(data[at:there], final=there == len(data), limit=limit)
            found += entries
            at += used
            if restarts:
                reader = LineReader(reader.header, reader.line, inside=at > 0 and data[at - 1 : at] != b"\n")
    assert at == len(data)
    assert found == whole(data)
    assert [one.line for one in found] == [one.line for one in whole(data)]
    assert len({one.line for one in found}) == len(found)  # a line is refused or read once


@given(
    st.lists(st.sampled_from([DELIVERED, DEFERRED, DEFERRED.replace(", ", "\n")]), min_size=1, max_size=6), st.data()
)
def test_a_file_cut_anywhere_loses_only_the_record_that_it_was_cut_in(rows: list[str], draw: st.DataObject) -> None:
    data = "".join(row + "\r\n" for row in [HEADER, *rows]).encode()
    cut = draw.draw(st.integers(len(HEADER) + 3, len(data) - 1))
    ends = [len((HEADER + "\r\n" + "".join(row + "\r\n" for row in rows[:n])).encode()) for n in range(len(rows) + 1)]
    before = sum(1 for end in ends[1:] if end <= cut)
    found = whole(data[:cut])
    assert [type(one) for one in found[:before]] == [AccountingRecord] * before
    rest = found[before:]
    assert all(isinstance(one, Rejected) for one in rest)
    assert bool(rest) is (cut not in ends)
    waiting, used = LineReader().take(data[:cut])
    assert (waiting, used) == (found[:before], ends[before])
