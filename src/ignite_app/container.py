"""The composition: every part of the application and what it is made of, on one page.

Only the command line and the ASGI entry hold a container. Nothing here opens anything: the pool and the
clock are handed in, and parts connect when they are first used.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from dependency_injector import containers, providers

from ignite_adapters.alerts import EmailChannel, WebhookChannel
from ignite_adapters.directory import DirectoryBucket
from ignite_adapters.dns import DnsMxLookup
from ignite_adapters.memory.bucket import MemoryBucket
from ignite_adapters.pmta.smtp import SmtpInjector
from ignite_adapters.pmta.ssh import SshConsole
from ignite_adapters.postgres.alerts import AlertStore, FrozenBy
from ignite_adapters.postgres.campaign_reading import CampaignReader
from ignite_adapters.postgres.campaigns import PostgresCampaignStore
from ignite_adapters.postgres.commands import PostgresCommandStore, PostgresInjectionControls
from ignite_adapters.postgres.experiments import PostgresExperimentStore
from ignite_adapters.postgres.flows import PostgresFlowStore
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.imports import PostgresImportLog
from ignite_adapters.postgres.leases import Lease, is_held, lease
from ignite_adapters.postgres.limiters import PostgresLimiters
from ignite_adapters.postgres.live import LiveFeed
from ignite_adapters.postgres.modes import PostgresModesStore
from ignite_adapters.postgres.persons import PostgresPersons
from ignite_adapters.postgres.policies import PostgresPolicyStore
from ignite_adapters.postgres.pushed import PushedFiles
from ignite_adapters.postgres.reading import ReadingRoom
from ignite_adapters.postgres.report import ReportReader
from ignite_adapters.postgres.reported import ReportedRates
from ignite_adapters.postgres.sends import PostgresSendLedger
from ignite_adapters.postgres.subscribers import PostgresSubscriberStore
from ignite_adapters.postgres.suppressions import PostgresSuppressionStore
from ignite_adapters.postgres.tallies import LogBook
from ignite_adapters.postgres.tracking import PostgresTrackingStore
from ignite_adapters.postgres.verification import PostgresVerificationStore
from ignite_adapters.postgres.warmup import PostgresWarmupStore
from ignite_adapters.s3 import S3Bucket
from ignite_adapters.verifier import HttpAddressVerifier
from ignite_app.clock import Clock
from ignite_app.feeds import MAIN, feeds_of
from ignite_app.http.group_commit import GroupCommit
from ignite_app.people import People
from ignite_app.policies.in_force import PolicyInForce
from ignite_app.settings import Settings, VmtaSettings
from ignite_app.workers.approvals import ApprovalsWorker
from ignite_app.workers.campaign import CampaignDriver
from ignite_app.workers.execute import Executor
from ignite_app.workers.flow import FlowWorker
from ignite_app.workers.ingest import IngestWorker, mode_of
from ignite_app.workers.learn import LearnWorker
from ignite_app.workers.limiters import LimiterWatch
from ignite_app.workers.normalize import Normalizer
from ignite_app.workers.partitions import PartitionKeeper
from ignite_app.workers.send import BatchSendWorker
from ignite_app.workers.verify import EmailVerifier
from ignite_app.workers.warmup import WarmupPlanner, cold_pairs
from ignite_app.workers.watch import Channel, Watch
from ignite_domain.campaigns import ResolveDoubts, SendBatch
from ignite_domain.experiments import DecideTests
from ignite_domain.governance.desired import stand_ins
from ignite_domain.governance.modes import Modes
from ignite_domain.governance.orchestrator import Orchestrator
from ignite_domain.governance.steering import Steering
from ignite_domain.imports import ImportBucket
from ignite_domain.tracking import LinkCodec, RecordHits, TrackingService
from ignite_domain.warmup.scheduler import WarmupScheduler


def _bucket(settings: Settings) -> ImportBucket:
    bucket = settings.bucket
    if bucket.kind == "s3":
        return S3Bucket(
            bucket.name,
            region=bucket.region,
            endpoint_url=bucket.endpoint_url,
            access_key=str(bucket.access_key),
            secret_key=str(bucket.secret_key),
        )
    if bucket.kind == "memory":
        return MemoryBucket()
    return DirectoryBucket(Path(bucket.directory) / bucket.name)


def _verifier(settings: Settings) -> HttpAddressVerifier | None:
    third = settings.verifier
    return HttpAddressVerifier(third.url, str(third.api_key), timeout=third.timeout_seconds) if third.url else None


def _channels(settings: Settings) -> list[Channel]:
    chosen, pmta = settings.alerts, settings.pmta
    channels: list[Channel] = []
    if chosen.webhook_url:
        channels.append(WebhookChannel(chosen.webhook_url))
    if chosen.email_to:
        channels.append(EmailChannel(pmta.host, pmta.smtp_port, chosen.email_from, chosen.email_to))
    return channels


def _warm(vmtas: tuple[VmtaSettings, ...]) -> tuple[str, ...]:
    return tuple(vmta.name for vmta in vmtas if not vmta.cold)


def _stand_ins(settings: Settings) -> dict[str, tuple[str, ...]]:
    vmtas = [(one.name, one.pool, one.cold) for one in settings.pmta.vmtas]
    return stand_ins(vmtas) if settings.governance.reroute_held else {}


def _log_hosts(settings: Settings) -> list[str]:
    """The hosts whose logs are read, as `feeds_of` names them."""
    return [*([MAIN] if settings.pmta.accounting_dir else []), *(one.name for one in settings.accounting.hosts)]


def _taker(dsn: str, name: str) -> Callable[[], AbstractAsyncContextManager[Lease | None]]:
    return lambda: lease(dsn, name)


EXECUTE = "execute"
"""The lease of whoever governs the host."""


class Container(containers.DeclarativeContainer):
    """Dependencies: `settings`, `clock`, `pool` and `dsn` (of the same database, for leases and LISTEN)."""

    settings = providers.Dependency(instance_of=Settings)
    clock = providers.Dependency(instance_of=Clock)
    dsn = providers.Dependency(instance_of=str)
    pool: Any = providers.Dependency()

    # --- settings of ours, in the words of the parts
    vmtas = settings.provided.pmta.vmtas
    addresses = providers.Callable(lambda vmtas: {vmta.name: vmta.ip for vmta in vmtas}, vmtas)
    cold_by_ip = providers.Callable(lambda vmtas: {vmta.ip: vmta.name for vmta in vmtas if vmta.cold}, vmtas)
    warm = providers.Callable(_warm, vmtas)
    cold = providers.Callable(lambda vmtas: tuple(vmta.name for vmta in vmtas if vmta.cold), vmtas)
    pairs = providers.Callable(cold_pairs, vmtas)
    frequency = providers.Callable(lambda s: timedelta(hours=s.campaign.frequency_hours), settings)
    default_mode = providers.Callable(lambda s: mode_of(s.governance, s.pmta), settings)

    # --- adapters
    bucket = providers.Singleton(_bucket, settings)
    import_log = providers.Factory(PostgresImportLog, pool)
    subscribers = providers.Factory(PostgresSubscriberStore, pool)
    suppressions = providers.Factory(PostgresSuppressionStore, pool)
    campaigns = providers.Factory(
        PostgresCampaignStore, pool, frequency=frequency, quota=settings.provided.campaign.isp_daily_quota
    )
    campaign_reader = providers.Factory(CampaignReader, pool)
    ledger = providers.Factory(PostgresSendLedger, pool, frequency=frequency)
    governance = providers.Factory(
        PostgresGovernanceStore, pool, decision_months=settings.provided.database.decision_retention_months
    )
    policies = providers.Factory(PostgresPolicyStore, pool)
    modes = providers.Factory(PostgresModesStore, pool, default_mode)
    persons = providers.Factory(PostgresPersons, pool)
    people = providers.Factory(People, modes, persons, providers.Factory(ReadingRoom, pool), clock, addresses)
    flows = providers.Factory(PostgresFlowStore, pool)
    commands = providers.Factory(PostgresCommandStore, pool, settings.provided.pmta.host)
    alerts = providers.Factory(AlertStore, pool)
    frozen = providers.Factory(FrozenBy, alerts, providers.Callable(_log_hosts, settings))
    controls = providers.Factory(PostgresInjectionControls, pool, addresses, frozen)
    injector = providers.Factory(
        SmtpInjector,
        settings.provided.pmta.host,
        settings.provided.pmta.smtp_port,
        connections=settings.provided.pmta.smtp_connections,
    )
    console = providers.Factory(
        SshConsole,
        settings.provided.pmta.host,
        settings.provided.pmta.ssh_port,
        settings.provided.pmta.ssh_user,
        settings.provided.pmta.ssh_key,
        settings.provided.pmta.ssh_host_key,
    )
    feed = providers.Factory(feeds_of, settings, pool)
    pushed = providers.Factory(PushedFiles, pool)
    push_secrets = providers.Callable(
        lambda s: {host.name: str(host.push_secret) for host in s.accounting.hosts if host.push_secret}, settings
    )
    mx = providers.Factory(DnsMxLookup, settings.provided.dns.nameserver, settings.provided.dns.timeout_seconds)
    third_party = providers.Factory(_verifier, settings)
    live_feed = providers.Factory(LiveFeed, dsn, pool)
    report = providers.Factory(ReportReader, pool)

    # --- tracking
    tracking = providers.Singleton(
        TrackingService,
        providers.Callable(lambda s: LinkCodec.of([s.tracking.secret, *s.tracking.former_secrets]), settings),
        settings.provided.tracking.base_url,
        settings.provided.tracking.owned_domains,
        providers.Callable(lambda s: timedelta(days=s.tracking.click_valid_days), settings),
    )
    record_hits = providers.Singleton(
        GroupCommit, providers.Factory(RecordHits, providers.Factory(PostgresTrackingStore, pool), tracking)
    )

    # --- workers
    scheduler = providers.Factory(WarmupScheduler, providers.Factory(PostgresWarmupStore, pool))
    normalizer = providers.Factory(
        Normalizer, bucket, import_log, clock, poll_seconds=settings.provided.bucket.poll_seconds
    )
    verify = providers.Factory(
        EmailVerifier,
        providers.Factory(PostgresVerificationStore, pool),
        mx,
        third_party,
        clock,
        poll_seconds=settings.provided.verifier.poll_seconds,
        concurrency=settings.provided.dns.concurrency,
        api_batch=settings.provided.verifier.batch,
    )
    warmup = providers.Factory(WarmupPlanner, scheduler, alerts, clock, pairs)
    campaign = providers.Factory(
        CampaignDriver,
        campaigns,
        scheduler,
        controls,
        clock,
        warm=warm,
        pairs=pairs,
        deadline=providers.Callable(lambda s: timedelta(hours=s.campaign.deadline_hours), settings),
    )
    send = providers.Factory(
        BatchSendWorker,
        providers.Factory(SendBatch, ledger, injector, tracking, controls, warm, cold),
        providers.Factory(ResolveDoubts, ledger, governance),
        providers.Callable(_taker, dsn, "send"),
        clock,
        batch=settings.provided.campaign.batch,
    )
    learn = providers.Factory(
        LearnWorker, providers.Factory(DecideTests, providers.Factory(PostgresExperimentStore, pool)), clock
    )
    flow = providers.Factory(FlowWorker, flows, clock)
    ingest = providers.Factory(
        IngestWorker,
        feed,
        governance,
        providers.Factory(
            Orchestrator,
            providers.Callable(lambda mode: Modes(mode).of, default_mode),
            settings.provided.governance.max_stop_share,
            providers.Callable(lambda s: timedelta(seconds=s.governance.min_dwell_seconds), settings),
            providers.Callable(lambda s: Steering(s.governance.queue_rate_per_hour), settings),
            approval=providers.Callable(lambda s: timedelta(minutes=s.governance.approval_minutes), settings),
            vmtas=addresses,
        ),
        cold_by_ip,
        clock,
        poll_seconds=settings.provided.pmta.accounting_poll_seconds,
        complaint_median=providers.Callable(lambda s: timedelta(hours=s.governance.complaint_median_hours), settings),
        suppress_foreign=settings.provided.governance.suppress_foreign_mail,
        modes=modes,
        alerts=alerts,
        policy=providers.Factory(
            PolicyInForce,
            policies,
            providers.Callable(lambda s: Path(s.governance.policy) if s.governance.policy else None, settings),
        ),
    )
    execute = providers.Factory(
        Executor,
        commands,
        console,
        providers.Callable(_taker, dsn, EXECUTE),
        clock,
        modes=modes,
        vmtas=addresses,
        base_rate=settings.provided.governance.queue_rate_per_hour,
        idle=settings.provided.governance.apply_poll_seconds,
        stand_ins=providers.Callable(_stand_ins, settings),
        bounce_after=providers.Callable(lambda s: timedelta(hours=s.pmta.bounce_after_hours), settings),
        frozen=frozen,
    )
    approvals = providers.Factory(
        ApprovalsWorker, persons, modes, clock, poll_seconds=settings.provided.governance.apply_poll_seconds
    )
    log_book = providers.Factory(LogBook, pool)
    reported = providers.Factory(ReportedRates, pool)
    watch = providers.Factory(
        Watch,
        log_book,
        alerts,
        providers.Callable(_channels, settings),
        providers.Callable(
            lambda s, console: console if s.pmta.ssh_key and s.pmta.ssh_host_key else None, settings, console
        ),
        clock,
        poll_seconds=settings.provided.alerts.poll_seconds,
        stalled=providers.Callable(lambda s: timedelta(minutes=s.accounting.stalled_minutes), settings),
        skew=providers.Callable(lambda s: timedelta(seconds=s.accounting.skew_seconds), settings),
        quiet=providers.Callable(lambda s: timedelta(minutes=s.alerts.repeat_minutes), settings),
        desk=persons,
        modes=modes,
        policies=policies,
        executing=providers.Callable(partial, is_held, pool, EXECUTE),
    )
    limiters = providers.Factory(
        LimiterWatch,
        mx,
        providers.Factory(PostgresLimiters, pool),
        alerts,
        clock,
        hours=settings.provided.dns.brand_check_hours,
        concurrency=settings.provided.dns.concurrency,
    )
    partitions = providers.Factory(
        PartitionKeeper,
        pool,
        clock,
        ahead=settings.provided.database.partitions_ahead,
        keep_months=settings.provided.database.event_retention_months,
        keep_signal_days=settings.provided.database.signal_retention_days,
    )


WORKERS: dict[str, str] = {
    "normalizer": "normalizer",
    "verifier": "verify",
    "warmup": "warmup",
    "campaign": "campaign",
    "send": "send",
    "learn": "learn",
    "flow": "flow",
    "ingest": "ingest",
    "approvals": "approvals",
    "execute": "execute",
    "watch": "watch",
    "limiters": "limiters",
    "partitions": "partitions",
}
"""Worker names (`ignite work NAME…`) and their providers."""
