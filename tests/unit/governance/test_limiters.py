"""A brand that moves to other MX hosts meets other limits: once known, a move is told; the first look is not."""

from datetime import UTC, datetime, timedelta

from ignite_domain.governance.limiters import TOLD_FOR, Limiter, looked, moves
from ignite_domain.isps import BRAND_DOMAINS, Isp, isp_of

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
YAHOO, ATT = ("mta5.am0.yahoodns.net",), ("al-ip4-mx-vip1.prodigy.net",)
BRANDS = dict.fromkeys(("att.net", "bellsouth.net", "pacbell.net", "prodigy.net", "snet.net"), Isp.ATT)


def after(known: dict[str, Limiter], answers: dict[str, tuple[str, ...]], at: datetime) -> dict[str, Limiter]:
    return known | {one.domain: one for one in looked(known, BRANDS, answers, at)}


def test_every_brand_is_watched_under_its_own_name() -> None:
    assert set(BRAND_DOMAINS.values()) == set(Isp)
    assert {domain: isp_of(domain) for domain in BRAND_DOMAINS} == BRAND_DOMAINS


def test_the_first_look_is_no_move() -> None:
    known = after({}, {"att.net": YAHOO}, NOW)
    assert known == {"att.net": Limiter("att.net", Isp.ATT, "yahoo", YAHOO)}
    assert moves(known.values(), NOW) == []


def test_the_same_answer_changes_nothing_and_another_host_of_the_same_group_is_no_move() -> None:
    known = after({}, {"att.net": YAHOO}, NOW)
    assert looked(known, BRANDS, {"att.net": YAHOO}, NOW) == []
    known = after(known, {"att.net": ("mta7.am0.yahoodns.net",)}, NOW)
    assert known["att.net"].hosts == ("mta7.am0.yahoodns.net",)
    assert moves(known.values(), NOW) == []


def test_no_answer_is_no_move() -> None:
    known = after({}, {"att.net": YAHOO}, NOW)
    assert looked(known, BRANDS, {}, NOW) == []


def test_domains_of_a_brand_that_move_together_are_one_alert_for_a_week() -> None:
    known = after({}, dict.fromkeys(BRANDS, ATT), NOW)
    later = NOW + timedelta(hours=12)
    known = after(known, dict.fromkeys(BRANDS, YAHOO), later)
    (told,) = moves(known.values(), later)
    assert told.subject == "att: att to yahoo"
    assert "(att.net, bellsouth.net, pacbell.net and 2 more)" in told.text
    assert "mta5.am0.yahoodns.net" in told.text
    assert len(moves(known.values(), later + TOLD_FOR - timedelta(seconds=1))) == 1
    assert moves(known.values(), later + TOLD_FOR) == []


def test_a_move_back_is_a_move_of_its_own() -> None:
    known = after({}, {"att.net": ATT}, NOW)
    known = after(known, {"att.net": YAHOO}, NOW + timedelta(hours=1))
    known = after(known, {"att.net": ATT}, NOW + timedelta(hours=2))
    assert [one.subject for one in moves(known.values(), NOW + timedelta(hours=2))] == ["att: yahoo to att"]
