"""The receivers: calm when nothing happens, the same for the same seed, and answering to pressure."""

from collections import Counter

import pytest

from ignite_app.simulator import LASTING, Incident, IncidentKind, incident_of
from ignite_app.simulator.dice import Dice
from ignite_app.simulator.isps import REPLIES, Situation, words
from ignite_app.simulator.world import Answer, World

IPS = ("192.0.2.11", "192.0.2.12", "192.0.2.13")
DOMAINS = ("gmail.com", "yahoo.com", "outlook.com", "icloud.com", "comcast.net", "charter.net", "att.net")


def world(incident: Incident | None = None, seed: int = 1) -> World:
    return World(Dice(seed), 20_000, incident, addresses=len(IPS))


def ask(
    place: World, number: int, now: float, *, domain: str = "yahoo.com", ip: str = IPS[0], attempt: int = 1
) -> Answer:
    return place.answer(
        ip=ip,
        destination=place.destination(domain),
        rcpt=f"p{number}@{domain}",
        message=f"ig{number}",
        attempt=attempt,
        now=now,
    )


def refused(answers: list[Answer]) -> float:
    limits = (Situation.RATE_LIMIT, Situation.CONNECTIONS)
    return sum(answer.situation in limits for answer in answers) / len(answers)


def test_a_calm_world_defers_one_to_three_percent_and_names_no_limit() -> None:
    place = world()
    answers = [ask(place, n, n * 0.2, domain=DOMAINS[n % len(DOMAINS)], ip=IPS[n % 3]) for n in range(21_000)]
    situations = Counter(answer.situation for answer in answers)
    deferred = sum(answer.reply.transient for answer in answers) / len(answers)
    hard = sum(answer.reply.hard for answer in answers) / len(answers)

    assert 0.01 < deferred < 0.03
    assert hard < 0.035  # of everybody; a verifier that sees three quarters leaves under 1 %
    assert not {Situation.RATE_LIMIT, Situation.CONNECTIONS, Situation.BLOCKED} & set(situations)


def test_answers_depend_on_seed_and_message_and_not_on_order_or_hour() -> None:
    numbers = list(range(400))
    forward = world()
    first = {n: ask(forward, n, n * 10.0).text for n in numbers}
    backward = world()
    second = {n: ask(backward, n, 1e6 + n).text for n in reversed(numbers)}
    other = world(seed=2)
    assert first == second
    assert first != {n: ask(other, n, n * 10.0).text for n in numbers}


def test_a_rate_limit_stays_for_those_who_press_on_and_ends_for_those_who_slow_down() -> None:
    incident = Incident(IncidentKind.RATE_LIMIT, "yahoo", starts_after=0.0, lasts=3600.0)
    pressed, gentle = world(incident), world(incident)
    hard = [ask(pressed, n, n * 1.0) for n in range(3600)]
    slow = [ask(gentle, n, n * 60.0) for n in range(60)]

    assert refused(hard) > 0.9
    assert refused(slow[30:]) < 0.1  # one a minute is less than what is left
    assert refused([ask(gentle, n, 7200.0 + n) for n in range(100, 200)]) == 0.0


def test_a_lasting_rate_limit_does_not_end_whatever_one_does() -> None:
    place = world(Incident(IncidentKind.RATE_LIMIT, "yahoo", starts_after=0.0, lasts=LASTING))
    ask(place, 0, 0.0)
    burst = [ask(place, n, 200_000.0 + n * 0.1) for n in range(1, 600)]
    assert refused(burst) > 0.8


def test_other_groups_do_not_feel_an_incident_but_brands_behind_the_same_mx_do() -> None:
    place = world(Incident(IncidentKind.RATE_LIMIT, "yahoo", starts_after=0.0, lasts=3600.0))
    for n in range(300):
        ask(place, n, n * 0.1)
    assert refused([ask(place, n, 40.0 + n * 0.1, domain="gmail.com") for n in range(300, 500)]) == 0.0
    assert refused([ask(place, n, 60.0 + n * 0.1, domain="cox.net") for n in range(500, 700)]) > 0.8


def test_a_block_meets_one_address_only_with_a_reply_that_names_it_and_blames_nobody() -> None:
    place = world(Incident(IncidentKind.IP_BLOCK, "microsoft", 0.0, 3600.0, ip=IPS[1]))
    blocked = [ask(place, n, float(n), domain="outlook.com", ip=IPS[1]) for n in range(50)]
    others = [ask(place, n, float(n), domain="outlook.com", ip=IPS[0]) for n in range(50)]
    assert all(IPS[1] in answer.text and not answer.reply.hard and answer.reply.code == 550 for answer in blocked)
    assert all(answer.situation is not Situation.BLOCKED for answer in others)


def test_a_bounce_wave_kills_many_addresses_and_the_same_ones_each_time() -> None:
    place = world(Incident(IncidentKind.BOUNCE_WAVE, "yahoo", 0.0, 3600.0))
    first = [ask(place, n, float(n)).reply.hard for n in range(500)]
    second = [ask(place, n, 600.0 + n, attempt=3).reply.hard for n in range(500)]
    assert 0.3 < sum(first) / 500 < 0.6
    assert sum(a != b for a, b in zip(first, second, strict=True)) < 25  # busy moments aside


@pytest.mark.parametrize("choice", ["rate_limit", "ip_block", "bounce_wave", "auto"])
def test_seeds_move_the_incident(choice: str) -> None:
    incidents = [incident_of(seed, choice, IPS, 20_000) for seed in range(20)]
    assert len({(i.group, i.starts_after) for i in incidents if i}) > 10
    assert all(i and i.kind.value == choice for i in incidents) or choice == "auto"
    assert incidents == [incident_of(seed, choice, IPS, 20_000) for seed in range(20)]
    assert incident_of(1, "none", IPS, 20_000) is None


@pytest.mark.parametrize("group", [*REPLIES, "example.com"])
@pytest.mark.parametrize("situation", list(Situation))
def test_every_receiver_has_words_for_every_situation(group: str, situation: Situation) -> None:
    for reply in words(group, situation):
        text = reply.text.format(ip="192.0.2.1", rcpt="a@b.example", domain="b.example", mx="mx.b.example", id="0a")
        assert text.startswith(str(reply.code))
        assert (reply.code == 250) == (situation is Situation.ACCEPTED)
        assert reply.status[0] == str(reply.code)[0]
