"""The life of a campaign, walked by a machine that knows only the promises."""

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import sampled_from

from ignite_domain.campaigns.states import ENDED, NEXT, CampaignStatus, Verb, after, sources
from ignite_domain.errors import Conflict

S, V = CampaignStatus, Verb

WAYS = [
    ("the usual way", S.DRAFT, [V.SCHEDULE, V.PREPARE, V.SEND, V.FINISH], S.FINISHED),
    ("another time", S.DRAFT, [V.SCHEDULE, V.SCHEDULE, V.PREPARE], S.PREPARING),
    ("paused while preparing", S.PREPARING, [V.PAUSE, V.RESUME, V.SEND], S.SENDING),
    ("paused while sending prepares again", S.SENDING, [V.PAUSE, V.RESUME], S.PREPARING),
    ("paused past its deadline", S.PAUSED, [V.FINISH], S.FINISHED),
    ("cancelled while paused", S.SENDING, [V.PAUSE, V.CANCEL], S.CANCELLED),
]


@pytest.mark.parametrize(("name", "start", "verbs", "end"), WAYS, ids=[way[0] for way in WAYS])
def test_verbs_lead_where_the_table_says(name: str, start: S, verbs: list[V], end: S) -> None:
    for verb in verbs:
        start = after(start, verb)
    assert start is end


def test_a_refusal_names_what_a_person_can_ask_for() -> None:
    with pytest.raises(Conflict, match=r"a draft campaign cannot resume; it can: schedule, cancel$"):
        after(S.DRAFT, V.RESUME)
    with pytest.raises(Conflict, match=r"a sending campaign cannot schedule; it can: pause, cancel$"):
        after(S.SENDING, V.SCHEDULE)
    with pytest.raises(Conflict, match="it has ended"):
        after(S.FINISHED, V.CANCEL)


class Life(RuleBasedStateMachine):
    """No mail before preparing, none after the end, and there is always a way to the end."""

    def __init__(self) -> None:
        super().__init__()
        self.status = S.DRAFT
        self.prepared = False

    @precondition(lambda self: self.status not in ENDED)
    @rule(verb=sampled_from(list(V)))
    def take(self, verb: Verb) -> None:
        try:
            status = after(self.status, verb)
        except Conflict:
            assert self.status not in sources(verb)
            return
        assert self.status in sources(verb)
        self.prepared = self.prepared or status is S.PREPARING
        self.status = status

    @precondition(lambda self: self.status in ENDED)
    @rule(verb=sampled_from(list(V)))
    def nothing_wakes_the_dead(self, verb: Verb) -> None:
        with pytest.raises(Conflict):
            after(self.status, verb)

    @invariant()
    def sending_was_prepared(self) -> None:
        assert self.prepared or self.status not in (S.SENDING, S.PAUSED, S.FINISHED)

    @invariant()
    def whatever_lives_can_be_cancelled(self) -> None:
        assert self.status in ENDED or (self.status, V.CANCEL) in NEXT


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=20)
