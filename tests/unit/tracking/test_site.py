"""What a beacon may look like."""

import pytest

from ignite_domain.errors import BadInput
from ignite_domain.events import EventType
from ignite_domain.tracking import read_report

GOOD = {
    "type": "session_end",
    "eid": "x",
    "cid": "3",
    "sid": "aB_-9",
    "url": "http://discountblog.com:8025/deals?eid=x&mail=a%40b#top",
    "referrer": "https://user:pass@mail.example/inbox?q=1",
    "duration_ms": 1234.9,
    "scroll_pct": 80,
}


def test_queries_and_credentials_are_cut_off_before_anything_is_stored() -> None:
    report = read_report(GOOD)
    assert report.type is EventType.SESSION_END
    assert (report.url, report.referrer) == ("http://discountblog.com:8025/deals", "https://mail.example/inbox")
    assert (report.duration_ms, report.scroll_pct) == (1234, 80)


def test_everything_but_the_type_may_be_missing() -> None:
    report = read_report({"type": "page_view"})
    assert (report.eid, report.sid, report.url, report.duration_ms) == ("", "", "", 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", "click"),
        ("type", ["page_view"]),
        ("type", None),
        ("eid", 7),
        ("eid", "x" * 257),
        ("sid", "a b"),
        ("sid", "a" * 65),
        ("url", "http://a.example/\x00"),
        ("url", "http://a.example/\ud800"),
        ("url", "x" * 2049),
        ("duration_ms", -1),
        ("duration_ms", True),
        ("duration_ms", float("nan")),
        ("duration_ms", "7"),
        ("scroll_pct", 101),
        ("scroll_pct", float("inf")),
    ],
)
def test_a_wrong_member_is_named(name: str, value: object) -> None:
    with pytest.raises(BadInput, match=name):
        read_report(GOOD | {name: value})


@pytest.mark.parametrize("body", [None, [], "page_view", 3])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    with pytest.raises(BadInput, match="object"):
        read_report(body)
