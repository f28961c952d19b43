"""The HTTP side of a container: routes, hub, gatekeeper and sites put together. Serving is uvicorn's."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog
from litestar import Litestar
from litestar.types import ASGIApp

from ignite_adapters.postgres.migrate import pending
from ignite_app.container import Container
from ignite_app.http import (
    accounting,
    alerts,
    campaigns,
    console,
    flows,
    governance,
    isp_pages,
    policy,
    reading,
    site,
    site_events,
    tracking,
    windows,
)
from ignite_app.http.accounting import PushDeps
from ignite_app.http.alerts import AlertDeps
from ignite_app.http.app import HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.http.campaigns import CampaignDeps
from ignite_app.http.flows import FlowDeps
from ignite_app.http.isp_pages import IspPageDeps
from ignite_app.http.policy import PolicyDeps
from ignite_app.http.reading import ReadingDeps
from ignite_app.http.tracking import TrackingDeps
from ignite_app.http.windows import WindowDeps
from ignite_app.live.hub import Hub
from ignite_app.policies.in_force import policy_of
from ignite_app.policies.trial import PolicyTrials, logs_of
from ignite_app.settings import PACKAGE
from ignite_domain.errors import IgniteError
from ignite_domain.governance.rules import Rule
from ignite_domain.governance.steering import Steering

log = structlog.get_logger("ignite.http")
DASHBOARD = PACKAGE / "dashboard"


def _pages(container: Container) -> IspPageDeps:
    governance, policies = container.settings().governance, container.policies()

    async def rules() -> Sequence[Rule]:
        return policy_of(await policies.newest()).rules

    return IspPageDeps(
        container.pool(),
        container.clock(),
        rules,
        Steering(governance.queue_rate_per_hour),
        container.addresses(),
        container.cold_by_ip(),
        timedelta(hours=governance.complaint_median_hours),
    )


def application(container: Container) -> ASGIApp:
    """Build the ASGI application: the API and console, and the owned domain's site by Host."""
    settings, clock = container.settings(), container.clock()
    dsn = container.dsn()
    hub = Hub(container.live_feed(), settings.api.live_queue)
    trials = PolicyTrials(logs_of(settings), clock)
    visits = TrackingDeps(container.tracking(), container.record_hits(), clock)

    async def ready() -> dict[str, str]:
        """What a request needs and does not have: the database, with the schema of this version."""
        try:
            missing = await asyncio.to_thread(pending, dsn)  # it connects, and may wait for that
        except IgniteError as failure:
            log.warning("http.not_ready", detail=str(failure))
            return {"database": "does not answer"}  # anybody may ask; where it is concerns nobody
        return {"migrations": ", ".join(missing)} if missing else {}

    api: Litestar = create_app(
        HttpDeps(
            gatekeeper=Gatekeeper(settings.api.keys, settings.api.console_token),
            routes=[
                *reading.routes(ReadingDeps(container.pool(), container.suppressions(), clock)),
                *campaigns.routes(CampaignDeps(container.campaigns(), container.campaign_reader(), clock)),
                *flows.routes(FlowDeps(container.flows(), clock)),
                *tracking.routes(visits),
                *site_events.routes(visits),
                *alerts.routes(AlertDeps(container.alerts(), container.log_book(), container.reported(), clock)),
                *isp_pages.routes(_pages(container)),
                *windows.routes(
                    WindowDeps(
                        container.pool(),
                        clock,
                        {vmta.name: vmta.pool for vmta in settings.pmta.vmtas if vmta.pool},
                        timedelta(hours=settings.governance.complaint_median_hours),
                    )
                ),
                *governance.routes(container.people()),
                *policy.routes(
                    PolicyDeps(container.policies(), trials, clock, from_file=bool(settings.governance.policy))
                ),
                *accounting.routes(PushDeps(container.pushed(), container.push_secrets(), clock)),
                *console.routes(DASHBOARD),
                hub.handler(),
            ],
            ready=ready,
            lifespan=[hub.lifespan, trials.lifespan],
        )
    )
    return site.OwnedSite(api, container.tracking(), DASHBOARD)
