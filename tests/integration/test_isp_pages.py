"""What the pages of a provider and of an address read, on a real database, from what the real store has written."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from governance_streams import outcome
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.pool import Pool
from ignite_app.clock import Clock
from ignite_app.http import isp_pages
from ignite_app.http.app import HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.settings import Secret
from ignite_domain.governance.observed import OutcomeKind
from ignite_domain.governance.ports import Step
from ignite_domain.governance.rules import RULES, Rule
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.steering import Steering
from ignite_domain.governance.words import Action, AgentKind, Decision, DecisionStatus, Mode, TargetType
from ignite_domain.isps import Isp

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
KEY = "key-of-ann-" + "k" * 20
Client = AsyncTestClient[Litestar]
IP = "192.0.2.12"
HELD = Decision(
    at=NOW - timedelta(minutes=20),
    until=NOW + timedelta(minutes=40),
    isp=Isp.GMAIL,
    agent=AgentKind.POOL,
    action=Action.QUARANTINE_IP,
    target_type=TargetType.IP,
    target=IP,
    reason="refused",
    rule="address-refused@2",
    evidence={},
    status=DecisionStatus.APPROVED,
)


@pytest.fixture
async def client(pool: Pool) -> AsyncIterator[Client]:
    async def ready() -> dict[str, str]:
        return {}

    async def rules() -> tuple[Rule, ...]:
        return RULES

    deps = isp_pages.IspPageDeps(
        pool, Clock.starting(NOW, 0.001), rules, Steering(), {"mta2": IP}, {"192.0.2.14": "mta4"}, timedelta(hours=6)
    )
    app = create_app(HttpDeps(Gatekeeper({"ann": Secret(KEY)}), isp_pages.routes(deps), ready))
    async with AsyncTestClient(app, raise_server_exceptions=False) as opened:
        opened.headers["X-API-Key"] = KEY
        yield opened


async def kept(pool: Pool, *decisions: Decision) -> None:
    """Mail from 07:30 on, one a minute for an hour, of which the last five were deferred; and decisions."""
    signals = SignalProcessor()
    kinds = [OutcomeKind.DELIVERED] * 55 + [OutcomeKind.DEFERRED] * 5
    signals.observe([outcome(n, NOW - timedelta(minutes=90 - n), kind, ip=IP) for n, kind in enumerate(kinds)])
    rows, points = signals.take_changes(NOW)
    made = [(one, Mode.ACT, "") for one in decisions]
    await PostgresGovernanceStore(pool).save(Step(now=NOW, decisions=made, signals=rows, history=points))


async def test_a_provider_is_told_with_points_bands_alarms_and_what_comes_next(client: Client, pool: Pool) -> None:
    await kept(pool, HELD, attrs.evolve(HELD, isp=Isp.YAHOO))
    page = (await client.get("/api/v1/isps/gmail", params={"hours": 6})).json()
    deferral = page["series"][0]
    assert [deferral[key] for key in ("signal", "p0", "p1", "s", "alarm")] == ["deferral", 0.1, 0.3, 20, 40]
    points = [(at[11:16], *more) for at, *more in deferral["points"]]
    assert points[0] == ("07:30", 5, 0, None, None)
    assert points[-1] == ("08:25", 5, 5, 20, 40)  # five in a row, four points each
    assert len(points) == 12
    assert [(one["action"], one["target"]) for one in page["decisions"]] == [("quarantine_ip", IP)]
    assert [one["then"] for one in page["ahead"]] == ["a probe: 30 messages will tell whether to release it"]
    rise = next(one for one in page["prospects"] if one["rule"] == "deferral-rise@1")
    assert (rise["way"], rise["measures"][0]["have"], rise["measures"][0]["need"]) == (0.5, 20, 40)
    assert {one["agent"] for one in page["agents"]} == set(AgentKind)


BANDS = [
    (1_000_000, (0.03, 0.08, 299)),  # the alarm table of the governance page, up to 2,000 an hour
    (1_500_000, (0.04, 0.1, 225)),  # and above
]


@pytest.mark.parametrize(("volume", "band"), BANDS)
async def test_the_band_of_a_picture_is_that_of_the_streams_own_volume(
    client: Client, pool: Pool, volume: int, band: tuple[float, float, int]
) -> None:
    signals = SignalProcessor()
    signals.observe([outcome(n, NOW - timedelta(minutes=9), OutcomeKind.DELIVERED, ip=IP) for n in range(5)])
    rows, points = signals.take_changes(NOW)
    day = int((NOW - timedelta(days=1)).timestamp()) // 86_400
    rows = [
        attrs.evolve(row, state={**row.state, "days": [[day, volume], *row.state["days"]]})
        if (row.signal, row.scope_type) == ("state", "isp")
        else row
        for row in rows
    ]
    await PostgresGovernanceStore(pool).save(Step(now=NOW, signals=rows, history=points))
    page = (await client.get("/api/v1/isps/gmail", params={"hours": 6})).json()
    bounce = next(one for one in page["series"] if one["signal"] == "bounce")
    assert (bounce["p0"], bounce["p1"], bounce["alarm"]) == band


async def test_a_long_span_has_coarser_points_with_the_same_sums_and_an_earlier_end_leaves_out_the_rest(
    client: Client, pool: Pool
) -> None:
    await kept(pool)
    week = (await client.get("/api/v1/isps/gmail", params={"hours": 168})).json()
    assert week["bucket_s"] == 3600
    assert [point[1:3] for point in week["series"][0]["points"]] == [[30, 0], [30, 5]]  # from 07:00, from 08:00
    early = (await client.get("/api/v1/isps/gmail", params={"hours": 1, "to": "2026-11-02T08:00:00Z"})).json()
    assert [point[1] for point in early["series"][0]["points"]] == [5] * 7  # 07:30 to 08:00, both included


async def test_an_address_is_told_by_hour_and_day_with_what_named_it(client: Client, pool: Pool) -> None:
    through = attrs.evolve(HELD, target_type=TargetType.QUEUE, target="gmail.com/mta2", action=Action.PAUSE_QUEUE)
    other = attrs.evolve(HELD, target="192.0.2.13")
    await kept(pool, HELD, through, other)
    page = (await client.get(f"/api/v1/ips/{IP}")).json()
    (gmail,) = page["counted"]
    assert gmail["isp"] == "gmail"
    assert gmail["days"] == [["2026-11-02", 60]]
    hours = [(one["at"][11:16], one["attempts"], one["delivered"], one["deferred"]) for one in gmail["hours"]]
    assert hours == [("07:00", 30, 30, 0), ("08:00", 30, 25, 5)]
    assert {"signal": "deferral", "s": 20, "alarm": 40} in gmail["alarms"]
    counts = {"attempts": 60, "delivered": 55, "deferred": 5, "refused": 0, "dead": 0, "complained": 0}
    assert page["outcomes"] == [{"isp": "gmail", "day": "2026-11-02", **counts}]
    assert [one["target"] for one in page["decisions"]] == ["gmail.com/mta2", IP]
    assert (page["vmtas"], page["cold"], page["warmup"]) == (["mta2"], False, [])
    known = (await client.get("/api/v1/ips")).json()["items"]
    assert known == [{"ip": IP, "attempts": 60, "vmtas": ["mta2"], "cold": False}]


async def test_what_came_of_an_addresss_mail_is_told_when_its_state_is_long_forgotten(
    client: Client, pool: Pool
) -> None:
    await kept(pool)
    await PostgresGovernanceStore(pool).prune(NOW + timedelta(days=8))
    page = (await client.get(f"/api/v1/ips/{IP}")).json()
    assert page["counted"] == []
    assert [(one["day"], one["delivered"], one["deferred"]) for one in page["outcomes"]] == [("2026-11-02", 55, 5)]


async def test_one_address_or_job_of_a_provider_is_told_in_quarters_of_an_hour(client: Client, pool: Pool) -> None:
    await kept(pool)
    page = (await client.get("/api/v1/isps/gmail", params={"hours": 6, "of": f"ip/{IP}"})).json()
    assert (page["of"], page["bucket_s"]) == (f"ip/{IP}", 900)
    assert f"ip/{IP}" in page["places"]
    assert [(at[11:16], n, x) for at, n, x, *_ in page["series"][0]["points"]] == [
        *(("07:30", 15, 0), ("07:45", 15, 0), ("08:00", 15, 0), ("08:15", 15, 5))
    ]


@pytest.mark.parametrize(
    ("path", "params", "status", "says"),
    [
        ("/api/v1/isps/nobody", {}, 404, "no such provider"),
        ("/api/v1/isps/gmail", {"hours": 0}, 400, "hours: must be above 0"),
        ("/api/v1/isps/gmail", {"hours": "nan"}, 400, "hours: must be above 0"),
        ("/api/v1/isps/gmail", {"of": "street/main"}, 400, "of: must be one of ip, job, queue"),
        ("/api/v1/isps/gmail", {"to": "soon"}, 400, "to: cannot be read"),
        ("/api/v1/ips/x", {}, 400, "ip: must be an IPv4 or IPv6 address"),
    ],
)
async def test_what_cannot_be_told_is_refused_in_words(
    client: Client, path: str, params: dict[str, Any], status: int, says: str
) -> None:
    answer = await client.get(path, params=params)
    assert answer.status_code == status
    assert says in answer.json()["detail"]


async def test_extreme_ends_are_answered_too(client: Client) -> None:
    for end in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-02T08:00:00"):
        answer = await client.get("/api/v1/isps/gmail", params={"to": end, "hours": 2160})
        assert answer.status_code == 200, end
        assert all(one["points"] == [] for one in answer.json()["series"])


async def test_an_address_nobody_knows_has_an_empty_history(client: Client) -> None:
    page = (await client.get("/api/v1/ips/2001:DB8::1")).json()
    assert (page["ip"], page["counted"], page["decisions"], page["warmup"]) == ("2001:db8::1", [], [], [])
