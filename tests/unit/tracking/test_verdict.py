"""Who made a hit, rule by rule."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from ignite_domain.events import Verdict
from ignite_domain.tracking import Earlier, Signals, TokenKind
from ignite_domain.tracking.verdict import client_of, verdict

LEFT = datetime(2026, 11, 2, 9, tzinfo=UTC)
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML) Version/19.1 Mobile"
GOOGLE = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
CLICK = Signals(TokenKind.CLICK, LEFT + timedelta(minutes=5), 0, "GET", CHROME, LEFT)


def trap(seconds_ago: float, agent: str) -> Earlier:
    return Earlier(CLICK.at - timedelta(seconds=seconds_ago), None, client_of(agent))


def link(seconds_ago: float, number: int) -> Earlier:
    return Earlier(CLICK.at - timedelta(seconds=seconds_ago), number, client_of(CHROME))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"user_agent": SAFARI}, ""),
        ({"left_at": None}, ""),
        ({"kind": TokenKind.HONEYPOT}, "honeypot"),
        ({"method": "HEAD"}, "head_request"),
        ({"user_agent": ""}, "no_user_agent"),
        ({"user_agent": "  "}, "no_user_agent"),
        ({"user_agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}, "scanner_user_agent"),
        ({"user_agent": "Barracuda Sentinel (EE)"}, "scanner_user_agent"),
        ({"user_agent": "Mozilla/5.0 (Windows NT 10.0) SafeLinks/1.0"}, "scanner_user_agent"),
        ({"user_agent": "python-requests/2.33"}, "scanner_user_agent"),
        ({"user_agent": CHROME.replace("Chrome", "HeadlessChrome")}, "scanner_user_agent"),
        ({"user_agent": "Mozilla/5.0"}, "privacy_proxy"),
        ({"user_agent": "Mozilla/5.0", "kind": TokenKind.OPEN}, "privacy_proxy"),
        ({"user_agent": GOOGLE}, "image_proxy_click"),
        ({"user_agent": GOOGLE, "kind": TokenKind.OPEN}, ""),
        ({"user_agent": GOOGLE, "kind": TokenKind.OPEN, "at": LEFT + timedelta(seconds=3)}, "too_soon"),
        ({"earlier": (trap(300, CHROME),)}, "after_honeypot"),
        ({"earlier": (trap(601, CHROME),)}, ""),
        ({"earlier": (trap(1200, CHROME), attrs.evolve(link(590, 1), reason="after_honeypot"))}, "after_honeypot"),
        ({"earlier": (attrs.evolve(link(590, 1), reason="head_request"),)}, ""),
        ({"earlier": (trap(1, SAFARI),)}, "after_honeypot"),
        ({"earlier": (trap(30, SAFARI),)}, ""),
        ({"at": LEFT + timedelta(seconds=4)}, "too_soon"),
        ({"at": LEFT + timedelta(seconds=5)}, ""),
        ({"earlier": (link(0.5, 1), link(0.2, 2))}, "burst"),
        ({"earlier": (link(0.5, 0), link(0.2, 1))}, ""),
        ({"earlier": (link(2, 1), link(0.2, 2))}, ""),
    ],
)
def test_the_first_rule_that_holds_names_the_software(change: dict[str, object], reason: str) -> None:
    who, why = verdict(attrs.evolve(CLICK, **change))
    assert why == reason
    assert who is (Verdict.MACHINE if reason else Verdict.HUMAN)
