"""What `ignite check` tries: every connection once, and for each that fails, what to do about it.

Nothing is changed anywhere. Checks run at once and none waits longer than its time-out; a check never
raises for what is wrong outside.
"""

import asyncio
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from ignite_adapters.directory import DirectoryBucket
from ignite_adapters.dns import DnsMxLookup
from ignite_adapters.pmta.ssh import SshConsole
from ignite_adapters.postgres.migrate import pending
from ignite_adapters.s3 import S3Bucket
from ignite_adapters.verifier import HttpAddressVerifier
from ignite_app import check_host
from ignite_app.check_words import Check, Fault
from ignite_app.clock import Clock
from ignite_app.policy import SHIPPED, differences, parse, placed, text_of
from ignite_app.settings import Settings
from ignite_domain.errors import IgniteError
from ignite_domain.governance import commands, include_file
from ignite_domain.governance.host_state import QUESTIONS, missing
from ignite_domain.imports import ImportBucket
from ignite_domain.verification import MxKind, VerifierBusy

TIMEOUT_REAL_SECONDS: Final = 20.0
KNOWN_DOMAIN: Final = "gmail.com"
"""A domain whose MX hosts exist wherever DNS works."""


async def check(settings: Settings, clock: Clock) -> list[Check]:
    """Try everything that the settings name; one finding per check, in a fixed order."""
    probes: list[tuple[str, Callable[[], Awaitable[str]]]] = [
        ("database", lambda: _database(settings)),
        ("bucket", lambda: _bucket(settings)),
        ("dns", lambda: _dns(settings)),
        ("verifier", lambda: _verifier(settings)),
        ("smtp", lambda: _smtp(settings)),
        ("ssh", lambda: _ssh(settings)),
        ("backoff", lambda: check_host.backoff(settings)),
        ("accounting", lambda: check_host.accounting(settings)),
        ("alerts", lambda: check_host.alerts(settings, clock)),
        ("x-headers", lambda: check_host.x_headers(settings, clock)),
        ("policy", lambda: _policy(settings)),
        ("tracking", lambda: _tracking(settings)),
        ("clock", lambda: _clock(settings, clock)),
    ]
    return list(await asyncio.gather(*(_found(name, probe) for name, probe in probes)))


async def _found(name: str, probe: Callable[[], Awaitable[str]]) -> Check:
    try:
        return Check(name, True, await asyncio.wait_for(probe(), TIMEOUT_REAL_SECONDS))
    except Fault as fault:
        return Check(name, False, fault.detail, fault.fix, fault.paste)
    except IgniteError as failure:
        return Check(name, False, str(failure), FIXES[name])
    except TimeoutError:
        return Check(name, False, f"no answer within {TIMEOUT_REAL_SECONDS:.0f} s", FIXES[name])
    except OSError as failure:
        return Check(name, False, f"{type(failure).__name__}: {failure.strerror or 'no answer'}", FIXES[name])


FIXES: Final = {
    "database": "start PostgreSQL, or correct database.dsn (empty: an embedded server)",
    "bucket": "correct bucket.* ; the key needs list, read, write and delete",
    "dns": "correct dns.nameserver, or leave it empty for the system's resolver",
    "verifier": "correct verifier.url and verifier.api_key, or leave the URL empty: scores then stop at 0.25",
    "smtp": "start PowerMTA, open its <smtp-listener>, and correct pmta.host and pmta.smtp_port",
    "ssh": "follow docs/pmta.md: install the wrapper, then set pmta.ssh_port, ssh_user, ssh_key and ssh_host_key",
    "backoff": "follow docs/pmta.md: let the wrapper show settings, and include the generated file",
    "alerts": "start PostgreSQL, correct database.dsn, run `ignite migrate`",
    "x-headers": "follow docs/pmta.md: let PowerMTA read the headers that IGNITE sets",
    "accounting": "mount or sync PowerMTA's accounting folder here, readable, and set pmta.accounting_dir",
    "policy": "correct governance.policy or the file that it names: `ignite rules check FILE`; until then the last "
    "sound version stays in force",
    "tracking": "start `ignite serve`, and set tracking.base_url to where people reach it from outside",
    "clock": "leave clock.* out of the settings",
}


async def _database(settings: Settings) -> str:
    dsn = str(settings.database.dsn)
    if not dsn:
        return f"an embedded server, data in {settings.database.data_dir}; it starts with serve, work and demo"
    behind = await asyncio.to_thread(pending, dsn)
    if behind:
        raise Fault(f"the schema lacks {', '.join(behind)}", "run `ignite migrate`")
    return "reachable, schema up to date"


async def _bucket(settings: Settings) -> str:
    chosen = settings.bucket
    if chosen.kind == "memory":
        return "in memory: nothing is kept"
    bucket: ImportBucket
    if chosen.kind == "s3":
        bucket = S3Bucket(
            chosen.name,
            region=chosen.region,
            endpoint_url=chosen.endpoint_url,
            access_key=str(chosen.access_key),
            secret_key=str(chosen.secret_key),
        )
    else:
        bucket = DirectoryBucket(Path(chosen.directory) / chosen.name)
    objects = await bucket.objects()
    if objects:
        async for _ in bucket.read(objects[0].key):
            break
    return f"{len(objects)} objects listed" + (", one read" if objects else "")


async def _dns(settings: Settings) -> str:
    answer = await DnsMxLookup(settings.dns.nameserver, settings.dns.timeout_seconds)(KNOWN_DOMAIN)
    if answer.kind is not MxKind.MX:
        raise Fault(f"no MX found for {KNOWN_DOMAIN}: {answer.kind}", FIXES["dns"])
    return f"{len(answer.hosts)} MX hosts of {KNOWN_DOMAIN}"


async def _verifier(settings: Settings) -> str:
    third = settings.verifier
    if not third.url:
        return "none configured: scores stop at 0.25"
    verifier = HttpAddressVerifier(third.url, str(third.api_key), timeout=third.timeout_seconds)
    try:
        await verifier([])
    except VerifierBusy:
        return "answers, and asks to come back later"
    finally:
        await verifier.close()
    return "answers as the contract says"


async def _smtp(settings: Settings) -> str:
    reader, writer = await asyncio.open_connection(settings.pmta.host, settings.pmta.smtp_port)
    try:
        await _smtp_reply(reader, b"220")
        writer.write(b"EHLO ignite-check.invalid\r\n")
        offered = {line.upper() for line in await _smtp_reply(reader, b"250")}
        writer.write(b"QUIT\r\n")
        await writer.drain()
    finally:
        writer.close()
    lacking = [name for name in ("PIPELINING", "8BITMIME") if name not in offered]
    if lacking:
        raise Fault(f"EHLO does not offer {', '.join(lacking)}", "connect to PowerMTA itself, not to a proxy before it")
    return "EHLO offers PIPELINING and 8BITMIME"


async def _smtp_reply(reader: asyncio.StreamReader, code: bytes) -> list[str]:
    lines = []
    while True:
        line = await reader.readline()
        if not line.startswith(code):
            said = line.decode("ascii", "replace").strip()[:100]
            raise Fault(f"the server says {said!r}", "allow this machine in PowerMTA's <source> for its address")
        lines.append(line[4:].decode("ascii", "replace").strip())
        if line[3:4] != b"-":
            return lines


async def _ssh(settings: Settings) -> str:
    pmta = settings.pmta
    if not pmta.ssh_host_key or not pmta.ssh_key:
        raise Fault("pmta.ssh_key or pmta.ssh_host_key is not set: this host is only observed", FIXES["ssh"])
    console = SshConsole(pmta.host, pmta.ssh_port, pmta.ssh_user, pmta.ssh_key, pmta.ssh_host_key)
    try:
        absent: list[str] = []
        for reading, question in QUESTIONS.items():
            reply = await console.run(question)
            if reply.exit_status != 0:
                raise Fault(
                    f"'{question.verb}' ends with exit status {reply.exit_status}",
                    "let the wrapper's user run pmta (group pmta), and allow the verb in the wrapper",
                )
            if lack := missing(reading, reply.output):
                absent.append(lack)
        if absent:
            raise Fault(
                "paths that pmta --json does not have here: " + "; ".join(absent),
                "such a host stays in observe; add its paths to governance/host_state.py, PATHS, and report them",
            )
        config = commands.check_config()
        reply = await console.run(config)
        why = commands.failure(config, reply.exit_status, reply.output)
        if why is not None:
            raise Fault(f"pmta test config: {why}", "correct the configuration on the host; IGNITE cannot reload it")
    finally:
        await console.close()
    names = ", ".join(vmta.name for vmta in pmta.vmtas)
    if not names:
        raise Fault("no virtual MTA is named", "name them in pmta.vmtas, with their addresses")
    rate = include_file.rung(settings.governance.queue_rate_per_hour, settings.governance.queue_rate_per_hour)
    return f"host key as pinned, all paths there, configuration good; {names} at {rate}/h a queue"


async def _tracking(settings: Settings) -> str:
    base = settings.tracking.base_url.rstrip("/")
    if not settings.tracking.secret:
        raise Fault("tracking.secret is empty", "set it to 16 or more random characters and keep it: it signs links")
    try:
        status = await asyncio.to_thread(_get, f"{base}/health/live")
    except (urllib.error.URLError, ValueError) as failure:
        reason = getattr(failure, "reason", failure)
        raise Fault(f"{base} cannot be reached: {type(reason).__name__}", FIXES["tracking"]) from None
    if status != 200:
        raise Fault(f"{base}/health/live answers {status}", FIXES["tracking"])
    return f"{base} answers"


def _get(url: str) -> int:
    if not url.startswith(("http://", "https://")):
        raise ValueError("an http(s) address is expected")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_REAL_SECONDS / 2) as response:  # noqa: S310  # checked above
            return int(response.status)
    except urllib.error.HTTPError as answer:
        return answer.code


async def _policy(settings: Settings) -> str:
    file = Path(settings.governance.policy)
    if not settings.governance.policy:
        return "changed through the API; governance.policy names no file"
    policy, wrong = await asyncio.to_thread(lambda: parse(text_of(file)))
    if wrong:
        raise Fault("; ".join(placed(file, one) for one in wrong), FIXES["policy"])
    return f"{file} is sound, and changes {len({one.rule for one in differences(SHIPPED, policy)})} rules"


async def _clock(settings: Settings, clock: Clock) -> str:
    simulated = bool(settings.governance.generated_host_key)
    if clock.rate != 1.0 and not simulated:
        raise Fault(f"business time runs {clock.rate:g} times as fast as real time", FIXES["clock"])
    return f"business time {clock.now():%Y-%m-%d %H:%M} UTC, {clock.rate:g} times real time"
