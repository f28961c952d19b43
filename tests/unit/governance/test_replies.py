"""What a reply means: other people's labels, the ISP facts page typed by hand, and what must hold for any text."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ignite_domain.governance.observed import OutcomeKind
from ignite_domain.governance.outcomes import kind_for_rules
from ignite_domain.governance.replies import Reply, ReplyClass, classify, suppresses

C = ReplyClass
FILES = ("bounce_replies.json", "isp_replies.json")
ENOUGH = 0.97
"""Share of labels that must be met; dead addresses have no such allowance."""
MAY_BE_HARD = {C.INVALID, C.INACTIVE, C.ROUTING}


def cases(folder: Path, file: str) -> Iterator[tuple[dict[str, Any], Reply]]:
    for case in json.loads((folder / file).read_text(encoding="utf-8"))["cases"]:
        yield case, classify(case["status"], case["diagnostic"], case["remote_mta"])


def held_to(
    found: list[tuple[dict[str, Any], Reply]], floor: float, right: Callable[[dict[str, Any], Reply], bool]
) -> None:
    missed = [(case["id"], case["diagnostic"], reply) for case, reply in found if not right(case, reply)]
    report = "\n".join(
        f"{name}: {reply.kind} hard={reply.hard} by {reply.rule}: {text}" for name, text, reply in missed
    )
    assert len(found) > 50
    assert 1 - len(missed) / len(found) >= floor, report


@pytest.mark.foreign_data
@pytest.mark.parametrize("file", FILES)
def test_a_reply_gets_the_class_that_others_gave_it(foreign_fixtures: Path, file: str) -> None:
    scored = [(case, reply) for case, reply in cases(foreign_fixtures, file) if case["kind"]]
    held_to(scored, ENOUGH, lambda case, reply: reply.kind in (case["kind"], *case.get("also", ())))


@pytest.mark.foreign_data
@pytest.mark.parametrize("file", FILES)
def test_nobody_is_given_up_who_is_not_dead(foreign_fixtures: Path, file: str) -> None:
    alive = [
        (case, reply)
        for case, reply in cases(foreign_fixtures, file)
        if not case["hard"] and not case.get("arguable", False)
    ]
    held_to(alive, 1.0, lambda _, reply: not reply.hard)


@pytest.mark.foreign_data
def test_the_dead_are_given_up(foreign_fixtures: Path) -> None:
    dead = [
        (case, reply)
        for file in FILES
        for case, reply in cases(foreign_fixtures, file)
        if case["hard"] and not case.get("arguable", False)
    ]
    held_to(dead, ENOUGH, lambda _, reply: reply.hard)


@pytest.mark.foreign_data
def test_whom_a_reply_names_and_how_long_it_asks_to_wait(foreign_fixtures: Path) -> None:
    def names(case: dict[str, Any], reply: Reply) -> bool:
        want = case["names"]
        got = reply.names and {"kind": reply.names.kind, "value": reply.names.value}
        if "recipient" in ((want or {}).get("kind"), (got or {}).get("kind")) and None in (want, got):
            return True  # a recipient is informative: naming none is not wrong
        return bool(got == want)

    found = list(cases(foreign_fixtures, "isp_replies.json"))
    held_to([pair for pair in found if not pair[0].get("names_arguable")], ENOUGH, names)

    def waits(case: dict[str, Any], reply: Reply) -> bool:
        seconds = case["retry_after_seconds"]
        return reply.retry_after == (None if seconds is None else timedelta(seconds=seconds))

    held_to(found, ENOUGH, waits)


BY_HAND = (
    # status, reply, host, class, hard; meanings from the ISP facts page, wordings ours
    ("4.7.28", "421-4.7.28 unusual rate of mail from your IP 192.0.2.7, limited for now", "", C.RATE_LIMIT, False),
    ("4.7.0", "421 4.7.0 very low reputation of the sending IP address", "mx.google.com", C.REPUTATION, False),
    ("5.7.26", "550 5.7.26 this mail is unauthenticated", "mx.google.com", C.AUTH, False),
    ("5.7.29", "550 5.7.29 no TLS was used", "mx.google.com", C.TLS, False),
    ("4.7.0", "421 4.7.0 [TSS04] temporarily deferred", "mta5.am0.yahoodns.net", C.REPUTATION, False),
    ("5.7.2", "553 5.7.2 [TSS09] deferred permanently", "mta5.am0.yahoodns.net", C.REPUTATION, False),
    ("4.7.0", "421 4.7.0 [TS03] unusual traffic from 192.0.2.7", "mta5.am0.yahoodns.net", C.RATE_LIMIT, False),
    ("4.7.0", "421 4.7.0 [TS03] this mail will be permanently deferred", "", C.REPUTATION, False),
    ("5.7.1", "550 5.7.1 part of your network is on our list (S3150)", "", C.REPUTATION, False),
    ("4.7.650", "451 4.7.650 sorry (S775)", "", C.REPUTATION, False),
    ("5.7.606", "550 5.7.606 banned", "", C.REPUTATION, False),
    ("5.7.515", "550 5.7.515 your domain does not meet the required level", "", C.AUTH, False),
    ("5.1.10", "550 5.1.10 RecipientNotFound", "", C.INVALID, True),
    ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied", "", C.INVALID, False),
    ("4.7.1", "421 4.7.1 [BS02] later", "mx01.mail.icloud.com", C.RATE_LIMIT, False),
    ("5.7.1", "550 5.7.1 [CS01] local policy", "mx01.mail.icloud.com", C.POLICY, False),
    ("", "421 RL000001 slow down", "mx1.comcast.net", C.RATE_LIMIT, False),
    ("", "554 BL000001 no", "mx1.comcast.net", C.REPUTATION, False),
    ("", "554 192.0.2.7 AUP#CXBL", "", C.REPUTATION, False),
    ("", "421 too many in one go AUP#CXCNCT", "", C.CONNECTION_LIMIT, False),
    ("", "554 AUP#In-1000", "", C.REPUTATION, False),
    ("", "421 AUP#In-1310", "", C.CONNECTION_LIMIT, False),
    # words that belong to somebody else's name decide nothing
    ("5.7.1", "550 5.7.1 Email blocked by SPAMHAUS", "", C.REPUTATION, False),
    ("5.7.1", "554 5.7.1 <user.unknown@policy.example>: blocked, see https://www.spamhaus.org/query/ip/192.0.2.7", "",
     C.REPUTATION, False),
    ("5.1.3", "553 see http://www.spamhaus.org/query/bl?ip=192.0.2.7", "", C.REPUTATION, False),
    # what is said of the sender is not said of the recipient
    ("5.7.1", "550 your account has been suspended from sending", "", C.POLICY, False),
    ("5.1.0", "550 your domain does not exist", "", C.AUTH, False),
    ("5.1.8", "553 5.1.8 sender address <b@x.example> does not exist", "", C.AUTH, False),
    # the code decides over hard words, also when another MTA quotes it
    ("4.2.1", "450 4.2.1 mailbox disabled", "", C.INACTIVE, False),
    ("5.1.1", "450 no such user", "", C.INVALID, False),
    ("", "host mx.b.example[192.0.2.1] said: 550 no such user (in reply to RCPT TO command)", "", C.INVALID, True),
    ("4.0.0", "host mx.b.example[192.0.2.1] said: 451 no such user yet", "", C.INVALID, False),
    # x.7.1 may be anything; 5.1.1 may be spoken about a rate
    ("5.7.1", "550 5.7.1 <p@b.example>: user unknown", "", C.INVALID, True),
    ("5.1.1", "550 5.1.1 <p@b.example> 192.0.2.7 has sent to too many recipients this hour", "", C.RATE_LIMIT, False),
    ("5.2.2", "552 5.2.2 mailbox full", "", C.FULL, False),
    ("5.1.1 (bad destination mailbox address)", "", "", C.INVALID, True),
    ("", "", "", C.UNKNOWN, False),
    ("5.0.0", "550 xyzzy", "", C.UNKNOWN, False),
)  # fmt: skip


@pytest.mark.parametrize(("status", "text", "host", "kind", "hard"), BY_HAND)
def test_the_facts_page_is_what_is_read(status: str, text: str, host: str, kind: ReplyClass, hard: bool) -> None:
    reply = classify(status, f"smtp;{text}" if text else "", host)
    assert (reply.kind, reply.hard) == (kind, hard), reply.rule


def test_a_dead_address_is_suppressed_for_good_and_at_once() -> None:
    asked = suppresses(classify("5.1.1", "smtp;550 5.1.1 no such user"))
    assert asked is not None
    assert (asked.reason, asked.expires) == ("hard_bounced", None)


@pytest.mark.parametrize(
    ("status", "text", "silent", "speaks", "days"),
    [
        ("5.2.2", "552 5.2.2 mailbox full", 1, 2, 14),
        ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied", 0, 1, 30),
        ("4.2.1", "450 4.2.1 mailbox disabled", 0, 1, 30),
    ],
)
def test_a_doubtful_mailbox_is_suppressed_for_a_while_once_it_says_so_again(
    status: str, text: str, silent: int, speaks: int, days: int
) -> None:
    reply = classify(status, text)
    asked = suppresses(reply, speaks)
    assert suppresses(reply, silent) is None
    assert asked is not None
    assert asked.expires == timedelta(days=days)


WORDS = st.sampled_from(
    "550 421 5.1.1 4.7.0 user unknown mailbox full blocked spamhaus sender your ip domain 192.0.2.7 <p@b.example> "
    "https://x.example/?ip=1.2.3.4 [TS03] (S3150) AUP#In-1000 said: rate limit retry in 5 minutes".split()
)
TEXTS = st.text() | st.lists(WORDS).map(" ".join)


@settings(max_examples=300)
@given(TEXTS, TEXTS, st.text(max_size=40))
def test_any_text_has_an_answer_and_only_the_dead_are_hard(status: str, text: str, host: str) -> None:
    reply = classify(status, text, host)
    assert reply.rule
    assert "@" not in reply.rule
    assert not reply.hard or reply.kind in MAY_BE_HARD
    assert reply.hard or suppresses(reply) is None
    assert reply.retry_after is None or reply.retry_after >= timedelta(0)


@given(st.sampled_from(BY_HAND), st.integers(0, 5))
def test_nothing_about_the_sender_ever_suppresses(row: tuple[str, str, str, ReplyClass, bool], earlier: int) -> None:
    status, text, host, kind, _ = row
    if kind not in {C.INVALID, C.INACTIVE, C.FULL, C.ROUTING}:
        assert suppresses(classify(status, text, host), earlier) is None


@given(st.from_regex(r"\A[a-z]{3,12}\.?[a-z]{0,8}\Z"), st.sampled_from(["b.example", "user-unknown.example"]))
def test_the_address_does_not_decide(local: str, domain: str) -> None:
    reply = classify("4.7.1", f"smtp;451 4.7.1 <{local}@{domain}>: rate limit, retry in 5 minutes")
    assert (reply.kind, reply.hard, reply.retry_after) == (C.RATE_LIMIT, False, timedelta(minutes=5))


@pytest.mark.parametrize("status", ["5.4.7", "4.4.7"])
def test_a_message_that_expired_kills_no_address_whatever_reply_it_quotes(status: str) -> None:
    """The MTA quotes the last reply that its queue heard, which may have been about somebody else."""
    text = "554 5.4.7 [internal] message expired: delivery time expired; last reply: 550 5.1.1 user unknown"
    said = classify(status, text)
    assert (said.kind, said.hard) == (ReplyClass.NETWORK, False)
    assert suppresses(said) is None
    assert classify("5.1.1", "550 5.1.1 user unknown").hard


@pytest.mark.foreign_data
def test_every_disagreement_with_a_label_stands_in_the_docs(foreign_fixtures: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "replies.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE))
    differ = {
        case["id"]
        for file in FILES
        for case, reply in cases(foreign_fixtures, file)
        if reply.hard != case["hard"] or (case["kind"] and reply.kind not in (case["kind"], *case.get("also", ())))
    }
    assert listed == differ


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        ("4.2.1", "450-4.2.1 The user you are trying to contact is receiving mail at a rate that", "recipient_limit"),
        ("5.2.122", "550 5.2.122 The recipient has exceeded their limit", "recipient_limit"),
        ("4.7.28", "421-4.7.28 Gmail has detected an unusual rate of mail from your IP address", "rate_limit"),
        ("4.2.0", "421 RL000001 Throttled", "rate_limit"),
    ],
)
def test_a_limit_on_one_mailbox_is_no_limit_on_us(status: str, text: str, kind: str) -> None:
    assert kind_for_rules(classify(status, text), OutcomeKind.DEFERRED) == kind
