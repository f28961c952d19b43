"""Log lines: one JSON object each, and no address, token or secret in any of them, whoever wrote it."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from ignite_app import logs
from ignite_app.logs import redact

ADDRESS = "mary.o'neil+news@mail.example.co.uk"
TOKEN = "AbC-123_xyz.sig"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Logging as the application sets it up; what was there before comes back afterwards."""
    root = logging.getLogger()
    before = (root.handlers, root.level, sys.excepthook, threading.excepthook)
    stream = io.StringIO()
    logs.configure("debug", stream)
    yield stream
    root.handlers, root.level, sys.excepthook, threading.excepthook = before
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


HIDDEN: list[tuple[str, str]] = [
    (f"to <{ADDRESS}>", "to <[address]>"),
    ("a=b@example.com", "[address]"),
    ("find bob%40example.com&x=1", "find [address]&x=1"),
    ("?email=bob%40example.com", "[address]"),  # ? and = may stand in an address
    ('"bob smith"@example.com bounced', "[address] bounced"),
    ("bob@[192.0.2.1]", "[address]"),
    ("jürgen@bücher.example", "[address]"),
    ("Key (email)=(bob@example.com) already exists", "Key (email)=([address]) already exists"),
    ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [secret]"),
    (f"GET /t/c/{TOKEN} 302", "GET /t/c/[token] 302"),
    (f"GET /t/o/{TOKEN}", "GET /t/o/[token]"),
    (f"POST /u/{TOKEN}", "POST /u/[token]"),
    (f"GET /console/{TOKEN}", "GET /console/[token]"),
    (f"/deals?eid={TOKEN}&cid=4&sid=s1", "/deals?eid=[token]&cid=4&sid=[token]"),
    ("postgresql://ignite:p,a@ss@127.0.0.1:5432/x", "postgresql://ignite:[secret]@127.0.0.1:5432/x"),
    ("password = hunter2", "password=[secret]"),
    ("api_key=hunter2", "api_key=[secret]"),
]


@pytest.mark.parametrize(("text", "left"), HIDDEN)
def test_what_names_a_person_or_opens_a_door_is_taken_out(text: str, left: str) -> None:
    assert redact(text) == left


KEPT = [
    "queue gmail.com/mta1 paused until 2026-11-02T10:00:00Z",
    "rule bounce-pause@3 of yahoo, n=200, x=18",
    "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred",
    "processed/001-JVC-Mailable.csv",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_an_operator_needs_stays(text: str) -> None:
    assert redact(text) == text


@given(
    st.text(alphabet="abc019._+-'", min_size=1, max_size=20),
    st.from_regex(r"[a-z0-9]{1,10}(\.[a-z]{2,5}){1,2}", fullmatch=True),
    st.text(alphabet=" <>(),;:=\n", min_size=1, max_size=3),
)
def test_no_address_survives_whatever_stands_around_it(local: str, domain: str, around: str) -> None:
    assert f"{local}@{domain}" not in redact(f"before{around}{local}@{domain}{around}after")


def test_our_lines_are_json_with_name_level_and_time(written: io.StringIO) -> None:
    structlog.get_logger("ignite.test").info("thing.done", count=3, nothing=None, huge=1 << 70, part=0.5)
    [line] = lines(written)
    assert (line["event"], line["logger"], line["level"]) == ("thing.done", "ignite.test", "info")
    assert (line["count"], line["nothing"], line["huge"], line["part"]) == (3, None, str(1 << 70), 0.5)
    assert line["logged_at"].endswith("Z")


def test_known_fields_are_hidden_by_name_at_any_depth(written: io.StringIO) -> None:
    structlog.get_logger().warning(
        "row", first_name="Mary", record={"last_name": "O'Neil", "rows": [{"token": "t"}], ADDRESS: 1}, token=""
    )
    text = written.getvalue()
    assert not any(word in text for word in ("Mary", "O'Neil", ADDRESS))
    assert lines(written)[0]["record"]["rows"] == [{"token": "[redacted]"}]


def test_tracebacks_are_kept_without_the_address(written: io.StringIO) -> None:
    try:
        raise ValueError(f"duplicate {ADDRESS}")
    except ValueError:
        structlog.get_logger().exception("crashed", values=[ADDRESS, ADDRESS.encode(), {ADDRESS}])
        logging.getLogger("psycopg").exception("lost %s", ADDRESS)
    ours, theirs = lines(written)
    for line in (ours, theirs):
        assert "ValueError: duplicate [address]" in line["exception"]
    assert ours["values"] == ["[address]", "[address]", ["[address]"]]
    assert theirs["event"] == "lost [address]"
    assert ADDRESS not in written.getvalue()


def failing() -> None:
    raise ValueError(ADDRESS)


def test_libraries_warnings_and_crashes_go_through_the_same_door(written: io.StringIO) -> None:
    logging.getLogger("some.library").info("%s failed", ADDRESS)
    warnings.warn(f"odd {ADDRESS}", stacklevel=1)
    sys.excepthook(ValueError, ValueError(ADDRESS), None)
    thread = threading.Thread(target=failing)
    thread.start()
    thread.join()
    text = written.getvalue()
    assert ADDRESS not in text
    events = [line["event"] for line in lines(written)]
    assert events[0] == "[address] failed"
    assert events.count("process.crashed") == 2


def test_access_lines_are_not_written_because_each_would_hold_a_token(written: io.StringIO) -> None:
    logging.getLogger("uvicorn.access").info("GET /t/c/%s", TOKEN)
    logging.getLogger("uvicorn.error").error("upgrade failed for /t/c/%s", TOKEN)
    assert [line["event"] for line in lines(written)] == ["upgrade failed for /t/c/[token]"]
