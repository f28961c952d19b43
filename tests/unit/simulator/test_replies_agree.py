"""What the twin calls a dead address is what the product's taxonomy calls one: else the books never agree.

The two are written apart on purpose, the twin's words from the providers' pages, and meet only here.
"""

import pytest

from ignite_app.simulator.isps import REPLIES, ReplyText, Situation

replies = pytest.importorskip("ignite_domain.governance.replies")

CASES = [
    (group, situation, reply)
    for group, table in REPLIES.items()
    for situation, texts in table.items()
    for reply in texts
    if situation is not Situation.ACCEPTED
]
ACCEPTABLE = {
    Situation.UNKNOWN_USER: {"invalid"},
    Situation.DISABLED: {"inactive", "invalid"},
    Situation.FULL: {"full"},
    Situation.FULL_LATER: {"full"},
    Situation.POLICY: {"policy", "content"},
    Situation.RATE_LIMIT: {"rate_limit", "reputation"},
    Situation.BLOCKED: {"reputation"},
    Situation.BUSY: {"load"},
    Situation.GREYLIST: {"greylist"},
    Situation.CONNECTIONS: {"connection_limit"},
}


@pytest.mark.parametrize(("group", "situation", "reply"), CASES)
def test_both_sides_read_a_reply_alike(group: str, situation: Situation, reply: ReplyText) -> None:
    blanks = {"ip": "192.0.2.1", "rcpt": "a@b.example", "domain": "b.example", "mx": "mx.b.example", "id": "0a1b2c"}
    text = reply.text.format(**blanks)
    found = replies.classify(reply.status, f"smtp;{text}", "mx.b.example")
    assert found.hard == reply.hard
    assert found.kind.value in ACCEPTABLE[situation]


@pytest.mark.parametrize(
    ("status", "text", "hard"),
    [
        ("5.1.2", "554 5.1.2 no such domain: gmial.com", True),
        ("5.1.10", "556 5.1.10 b.example does not accept mail (null MX)", True),
        (
            "5.4.7",
            "554 5.4.7 [internal] message expired: delivery time expired; last reply: 421 4.7.0 Try again",
            False,
        ),
        ("5.0.0", "", False),
    ],
)
def test_the_mtas_own_failures_are_read_alike(status: str, text: str, hard: bool) -> None:
    assert replies.classify(status, f"smtp;{text}" if text else "", "").hard is hard
