"""The one gate, rule by rule."""

from datetime import UTC, datetime, timedelta

import pytest

from ignite_domain.subscribers import OUTCOMES, Outcome, Reason, Status, Suppression, may_mail

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
FOR_GOOD = Suppression("listed", "import:1", NOW - HOUR)
FOR_A_WHILE = Suppression("full", "decision:1", NOW - HOUR, NOW + HOUR)
OVER = Suppression("full", "decision:1", NOW - 2 * HOUR, NOW)

CASES = [
    ({}, None),
    ({"everywhere": FOR_GOOD}, Reason.SUPPRESSED_GLOBAL),
    ({"everywhere": FOR_A_WHILE}, Reason.SUPPRESSED_GLOBAL),
    ({"everywhere": OVER}, None),
    ({"status": Status.SUPPRESSED}, Reason.SUPPRESSED_STATUS),
    ({"at_isp": FOR_A_WHILE}, Reason.SUPPRESSED_ISP),
    ({"at_isp": OVER}, None),
    ({"status": Status.UNMAILABLE}, Reason.UNMAILABLE),
    ({"last_mailed": NOW - 71 * HOUR}, Reason.FREQUENCY),
    ({"last_mailed": NOW - 72 * HOUR}, None),
    ({"last_mailed": NOW - HOUR, "frequency": None}, None),
    ({"last_mailed": NOW - 2 * HOUR, "frequency": HOUR}, None),
    # the first rule speaks
    ({"everywhere": FOR_GOOD, "status": Status.SUPPRESSED}, Reason.SUPPRESSED_GLOBAL),
    ({"status": Status.SUPPRESSED, "at_isp": FOR_GOOD}, Reason.SUPPRESSED_STATUS),
    ({"status": Status.UNMAILABLE, "at_isp": FOR_GOOD}, Reason.SUPPRESSED_ISP),
    ({"status": Status.UNMAILABLE, "last_mailed": NOW}, Reason.UNMAILABLE),
]


@pytest.mark.parametrize(("facts", "reason"), CASES)
def test_the_gate_gives_the_first_reason_that_holds(facts: dict, reason: Reason | None) -> None:
    plain = {"status": Status.ACTIVE, "everywhere": None, "at_isp": None, "last_mailed": None, "now": NOW}
    verdict = may_mail(**{**plain, **facts})
    assert verdict.reason is reason
    assert verdict.allowed is (reason is None)
    assert verdict.outcome is (Outcome.SEND if reason is None else OUTCOMES[reason])


def test_every_reason_is_either_suppressed_or_held_as_the_contract_says() -> None:
    held = {reason.value for reason, outcome in OUTCOMES.items() if outcome is Outcome.HELD}
    assert held == {"unmailable", "warmup_limit", "quota", "frequency", "stopped", "experiment"}
    assert set(OUTCOMES) == set(Reason)
