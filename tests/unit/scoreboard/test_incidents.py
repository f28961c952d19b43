"""A few seeds of each incident: noticed, at the right scope, and nothing before it began."""

import pytest

from ignite_app.scoreboard.incidents import INCIDENTS, RESTRICTING, Incident, draw, minutes, watch
from ignite_domain.governance.observed import OutcomeKind

SURE = [incident for incident in INCIDENTS if incident.marked]


@pytest.mark.parametrize("incident", SURE, ids=lambda incident: incident.name)
def test_an_incident_is_noticed_and_the_first_action_is_at_its_scope(incident: Incident) -> None:
    right = 0
    for seed in (101, 102):
        scene = draw(incident, seed)
        story = watch(incident, scene)
        assert story.before == 0
        assert story.first is not None
        assert story.first.action in RESTRICTING
        right += (story.first.target_type, story.first.target) in incident.right(scene) or (
            story.first.target_type,
            "",
        ) in incident.right(scene)
    assert right >= 1


def test_an_ordinary_day_has_no_restriction_and_the_same_seed_the_same_day() -> None:
    assert watch(None, draw(INCIDENTS[0], 7)).first is None
    days = [[one for minute in minutes(None, draw(INCIDENTS[0], 7)) for one in minute] for _ in range(2)]
    assert [(one.at, one.kind, one.ip) for one in days[0]] == [(one.at, one.kind, one.ip) for one in days[1]]
    dead = sum(one.kind is OutcomeKind.BOUNCED for one in days[0])
    assert 0 < dead < 0.05 * len(days[0])
