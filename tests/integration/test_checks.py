"""`ignite check` against the simulated outside world: all good, and each part broken in turn."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import attrs
import pytest

from ignite_adapters.postgres import tallies
from ignite_adapters.postgres.alerts import AlertStore
from ignite_adapters.postgres.pool import Pool
from ignite_app.checks import Check, check
from ignite_app.clock import Clock
from ignite_app.settings import (
    AccountingHost,
    AccountingSettings,
    BucketSettings,
    DatabaseSettings,
    DnsSettings,
    GovernanceSettings,
    PmtaSettings,
    Secret,
    Settings,
    TrackingSettings,
    VerifierSettings,
    VmtaSettings,
)
from ignite_app.simulator.options import SimulatorOptions
from ignite_app.simulator.simulator import Simulator
from ignite_domain.governance.health import Finding
from ignite_domain.governance.include_file import render
from ignite_domain.governance.tally import HostSeen, Tally

HEADER = "type,timeLogged,rcpt,dsnStatus,vmta\n"


def accounting(kinds: str, lines: int) -> str:
    row = "{},2026-11-02 09:00:00+0000,a@x.example,2.0.0,mta1\n"
    return HEADER + "".join(row.format(kind) * lines for kind in kinds.split())


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[Simulator]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(tmp_path / "client"))
    key.write_public_key(str(tmp_path / "client.pub"))
    include = tmp_path / "home" / "pmta" / "ignite.conf"
    include.parent.mkdir(parents=True)
    include.write_text(render(["mta1"], 20_000, {}).text)
    made = Simulator.build(
        SimulatorOptions(
            str(tmp_path / "home"),
            str(tmp_path / "spool"),
            ssh_authorised_key=str(tmp_path / "client.pub"),
            verifier_key="key",
            verifier_refusal=0.0,
        )
    )
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def settings(simulator: Simulator, tmp_path: Path, pg_dsn: str) -> Settings:
    (tmp_path / "bucket" / "lists").mkdir(parents=True)
    (tmp_path / "bucket" / "lists" / "people.csv").write_text("email\na@x.example\n")
    (tmp_path / "acct").mkdir()
    (tmp_path / "acct" / "acct-all-2026-11-02-0000.csv").write_text(accounting("d b t tq", 600))
    return Settings(
        database=DatabaseSettings(dsn=Secret(pg_dsn)),
        bucket=BucketSettings(directory=str(tmp_path / "bucket"), name="lists"),
        dns=DnsSettings(nameserver=f"127.0.0.1:{simulator.dns.port}"),
        verifier=VerifierSettings(url=f"http://127.0.0.1:{simulator.verifier_port}/verify", api_key=Secret("key")),
        pmta=PmtaSettings(
            smtp_port=simulator.smtp_port,
            ssh_port=simulator.ssh.port,
            ssh_key=str(tmp_path / "client"),
            ssh_host_key=simulator.ssh.host_key,
            accounting_dir=str(tmp_path / "acct"),
            vmtas=(VmtaSettings("mta1", "192.0.2.11"),),
        ),
        # what answers here is not our API: any HTTP server that knows /health/live would do
        tracking=TrackingSettings(secret=Secret("s" * 16), base_url="http://127.0.0.1:9"),
    )


async def found(settings: Settings) -> dict[str, Check]:
    return {one.name: one for one in await check(settings, Clock())}


async def test_everything_is_tried_and_only_what_is_away_fails(settings: Settings) -> None:
    checks = await found(settings)
    assert {name for name, one in checks.items() if not one.ok} == {"tracking"}
    assert "ignite serve" in checks["tracking"].fix
    assert "all paths there" in checks["ssh"].detail
    assert "1 objects listed, one read" in checks["bucket"].detail
    assert all(bool(one.fix) is not one.ok for one in checks.values())


async def test_a_check_changes_nothing_on_the_host(settings: Settings, simulator: Simulator, tmp_path: Path) -> None:
    await found(settings)
    await simulator.stop()
    log = (tmp_path / "home" / "ssh.jsonl").read_text()
    assert '"show"' in log
    assert not any(word in log for word in ('"pause"', '"reload"', '"ignite-put-include"', '"disable"'))


def _pmta(settings: Settings, **changed: object) -> Settings:
    return attrs.evolve(settings, pmta=attrs.evolve(settings.pmta, **changed))


async def test_each_part_that_is_broken_is_named_with_what_to_do(settings: Settings, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    deaf = tmp_path / "deaf"
    deaf.mkdir()
    (deaf / "acct-2026-11-02-0000.csv").write_text(accounting("d", 1000))
    faulty = tmp_path / "rules.yaml"
    faulty.write_text("# ours\nunreachable: {z: none}\n")
    evolve = attrs.evolve
    broken = [
        (_pmta(settings, ssh_host_key=other), "ssh", "another key"),
        (_pmta(settings, ssh_host_key=""), "ssh", "only observed"),
        (_pmta(settings, ssh_port=9), "ssh", "cannot be reached"),
        (_pmta(settings, vmtas=()), "ssh", "no virtual MTA"),
        (_pmta(settings, smtp_port=9), "smtp", "ConnectionRefused"),
        (_pmta(settings, smtp_port=settings.pmta.ssh_port), "smtp", "the server says"),
        (_pmta(settings, accounting_dir=str(tmp_path / "none")), "accounting", "not a folder"),
        (_pmta(settings, accounting_dir=str(deaf)), "accounting", "never b"),
        (
            _pmta(settings, vmtas=(VmtaSettings("mta9", "192.0.2.19"),)),
            "backoff",
            "not set: mta9: backoff-max-msg-rate",
        ),
        (evolve(settings, database=DatabaseSettings(dsn=Secret("host=127.0.0.1 port=9"))), "database", "database"),
        (evolve(settings, verifier=VerifierSettings(url="http://127.0.0.1:9/")), "verifier", "ConnectError"),
        (
            evolve(settings, bucket=evolve(settings.bucket, kind="s3", endpoint_url="http://127.0.0.1:9")),
            "bucket",
            "bucket",
        ),
        (evolve(settings, dns=DnsSettings(nameserver="127.0.0.1:9", timeout_seconds=0.3)), "dns", "gmail.com"),
        (evolve(settings, governance=GovernanceSettings(policy=str(tmp_path / "none.yaml"))), "policy", "none.yaml"),
        (evolve(settings, governance=GovernanceSettings(policy=str(faulty))), "policy", "rules.yaml:2: unreachable.z"),
    ]
    for changed, name, words in broken:
        one = (await found(changed))[name]
        assert not one.ok, name
        assert words in one.detail, (name, one.detail)
        assert one.fix


async def test_what_the_configuration_lacks_comes_with_the_lines_to_paste(
    settings: Settings, simulator: Simulator, tmp_path: Path
) -> None:
    checks = await found(settings)
    kept = "mta1: bounce-after is 7200s: set pmta.bounce_after_hours to 2, it is 108"
    assert checks["backoff"].detail == f"set for mta1; {kept}"
    told = await found(_pmta(settings, bounce_after_hours=2.0))
    assert told["backoff"].detail == "set for mta1"
    assert checks["x-headers"].ok
    deaf = tmp_path / "deaf"
    deaf.mkdir()
    ours = "d,2026-11-02 09:00:00+0000,a@x.example,2.0.0,mta1,ig7\nr,2026-11-02 09:00:00+0000,a@x.example,,pool,ig8\n"
    (deaf / "acct-2026-11-02-0000.csv").write_text(
        HEADER.replace("vmta", "vmta,envId") + ours + "d,2026-11-02 09:00:00+0000,a@x.example,2.0.0,mta1,\n" * 1200
    )
    checks = await found(_pmta(settings, accounting_dir=str(deaf)))
    assert checks["accounting"].paste.splitlines() == [
        "<acct-file /var/log/pmta/acct-all.csv>",
        "    records d,b,f,rb,rs",
        "    world-readable yes",
        "</acct-file>",
        "<acct-file /var/log/pmta/acct-transient.csv>",
        "    records t,tq",
        "    world-readable yes",
        "</acct-file>",
    ]
    assert "process-x-job" in checks["x-headers"].detail
    assert checks["x-headers"].paste.splitlines()[1:-1] == ["    process-x-job yes"]


async def test_types_with_files_of_their_own_are_seen_behind_long_logs(settings: Settings, tmp_path: Path) -> None:
    long = tmp_path / "long"
    long.mkdir()
    for day in range(1, 4):
        row = f"d,2026-11-0{day} 09:00:00+0000,a@x.example,2.0.0,mta1\n"
        (long / f"acct-all-2026-11-0{day}-0000.csv").write_text(HEADER + row * 9000)
    (long / "acct-transient-2026-11-03-0000.csv").write_text(accounting("b t tq", 1))
    one = (await found(_pmta(settings, accounting_dir=str(long))))["accounting"]
    assert one.ok, one.detail
    assert "t 1, tq 1" in one.detail


async def test_the_logs_of_other_hosts_are_tried_too(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    more = AccountingSettings(hosts=(AccountingHost("mta2", dir=str(tmp_path / "two")),))
    one = (await found(attrs.evolve(settings, accounting=more)))["accounting"]
    assert (one.ok, one.detail) == (False, "mta2: no accounting file with a header")
    (tmp_path / "two" / "acct.csv").write_text(accounting("d b t tq f", 1))
    one = (await found(attrs.evolve(settings, accounting=more)))["accounting"]
    assert one.ok
    assert "mta2: b 1, d 1" in one.detail
    far = AccountingSettings(
        hosts=(
            AccountingHost(
                "mta3", ssh_host="127.0.0.1", ssh_port=9, ssh_key=str(tmp_path / "client"), ssh_host_key="ssh-rsa x"
            ),
        )
    )
    one = (await found(attrs.evolve(settings, accounting=far)))["accounting"]
    assert "accounting.hosts.0.ssh_host_key is not a public key" in one.detail


async def test_a_log_that_was_read_and_fell_silent_or_is_ahead_fails_the_check(settings: Settings, pool: Pool) -> None:
    assert (await found(settings))["alerts"].detail == "no log has been read yet"
    now = Clock().now()
    async with pool.connection() as conn:
        await tallies.write(conn, Tally([HostSeen("", now, "", now, 5.0), HostSeen("mta2", now, "", now, 300.0)]))
    one = (await found(settings))["alerts"]
    assert (one.ok, "mta2: records are 300 s ahead" in one.detail, "main" in one.detail) == (False, True, False)
    await AlertStore(pool).hold([Finding("dead_man", "", "nothing comes")], ["dead_man"], now)
    assert "nothing comes" in (await found(settings))["alerts"].detail
