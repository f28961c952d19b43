"""Nobody is suppressed for what is not about his address: the product's own deciding on the incidents' replies."""

from collections.abc import Iterator

import attrs
import pytest

from ignite_app.scoreboard.incidents import INCIDENTS, START, Incident, draw
from ignite_app.scoreboard.people import BY_ISP, REASONS, People, measure, of_incident, text_of
from ignite_app.scoreboard.twin.texts import Why
from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.isps import Isp


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)
def test_whoever_has_a_mailbox_is_not_suppressed_and_whoever_has_none_is(incident: Incident) -> None:
    people = of_incident(incident, draw(incident, 101), 101)
    assert people.fine
    assert not people.fine & people.suppressed
    assert people.dead
    assert people.suppressed == people.dead
    assert people.decided


def refused(reason: str, kind: OutcomeKind, *, dead: bool) -> Iterator[Outcome]:
    for number, isp in enumerate(Isp, start=1):
        where = (isp, kind, "192.0.2.12", "c1", f"{isp.value}.com/mta", f"r{number}")
        yield Outcome(START, *where, first=True, address_fault=dead, reply_rule=reason)


def test_a_reply_about_an_address_that_is_fine_would_be_noticed() -> None:
    """What the target counts can be more than none: a provider that calls a living mailbox unknown."""
    people = People("lying")
    people.hear(0, list(refused("unknown-user", OutcomeKind.BOUNCED, dead=False)), START)
    assert len(people.fine & people.suppressed) == len(Isp)


def test_what_is_deferred_is_refused_three_times_more_and_suppresses_nobody() -> None:
    people = People("patient")
    for minute in range(31):
        people.hear(minute, list(refused("busy", OutcomeKind.DEFERRED, dead=False)) if minute == 0 else [], START)
    assert len(people.fine) == len(Isp)
    assert not people.suppressed


def test_every_provider_has_a_text_for_every_reason_and_it_names_whom_it_was_told() -> None:
    for one in (each for reason in REASONS for each in refused(reason, OutcomeKind.BOUNCED, dead=False)):
        assert one.isp is not None
        text = text_of(one)
        assert text.status == BY_ISP[one.isp][REASONS[one.reply_rule]].status
        assert "192.0.2.11" not in text.diagnostic
        assert text.reply.hard is (REASONS[one.reply_rule] is Why.DEAD)
    told = attrs.evolve(next(refused("ip-reputation", OutcomeKind.BOUNCED, dead=False)), isp=Isp.MICROSOFT)
    assert "192.0.2.12" in text_of(told).diagnostic


def test_the_rows_tell_of_how_many() -> None:
    row = measure(0, [7])
    assert row["wrongly_suppressed"] == 0
    assert 0 < row["suppressed"] == row["dead"]
    assert row["refused"] > 0
