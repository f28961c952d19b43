"""The executor over a real SSH connection that fails: cut after the command ran, slow, refused, answered in riddles.

Whatever happens, nothing is called done that the host does not show, and it ends right.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import attrs
import pytest

from contracts.ssh_host import WrapperHost
from ignite_adapters.pmta.ssh import SshConsole
from ignite_adapters.postgres.pool import Pool
from ignite_domain.errors import PortFailure
from integration.test_executor import QUEUES, Time, decide, executor, rows, settle, status

PATIENCE = 2.0  # real seconds that the console waits for an answer


@pytest.fixture
def time() -> Time:
    return Time()


@attrs.define
class BadHost:
    """A PMTA host behind an SSH server that spoils the answers to lines with `about` in them, `times` times."""

    host: WrapperHost
    about: str
    fault: str
    times: int = 1
    seen: list[str] = attrs.field(factory=list)

    async def answer(self, process: Any) -> None:
        line = process.command
        self.seen.append(line)
        stdin = (await process.stdin.read()).encode() if "put-include" in line else b""
        spoiled = self.fault if self.about in line and self.times > 0 else ""
        self.times -= bool(spoiled)
        if spoiled == "denied":
            process.stderr.write("pmta: permission denied\n")
            process.exit(1)
            return
        code, out, err = await self.host.run(line, stdin)
        if spoiled == "cut":  # it ran, and nobody will ever hear of it
            process.channel.get_connection().abort()
            return
        if spoiled == "slow":
            await asyncio.sleep(PATIENCE * 2)
        if spoiled == "riddle":
            out, err = "The queue has been considered.\n", ""
        process.stdout.write(out)
        process.stderr.write(err)
        process.exit(code)

    def said(self) -> list[str]:
        return [line for line in self.seen if "pause queue" in line]


@asynccontextmanager
async def console_of(bad: BadHost) -> AsyncIterator[SshConsole]:
    ours, theirs = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    ours.write_private_key(str(bad.host.root / "client"))
    ours.write_public_key(str(bad.host.root / "authorised"))
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[theirs],
        authorized_client_keys=str(bad.host.root / "authorised"),
        process_factory=bad.answer,
    )
    host_key = theirs.export_public_key().decode().strip()
    console = SshConsole(
        "127.0.0.1", server.get_port(), "ignite", str(bad.host.root / "client"), host_key, timeout=PATIENCE
    )
    try:
        yield console
    finally:
        await console.close()
        server.close()


@pytest.mark.parametrize("fault", ["cut", "slow", "riddle"])
async def test_an_answer_that_does_not_come_or_says_nothing_is_found_out_by_looking(
    pool: Pool, time: Time, tmp_path: Path, fault: str
) -> None:
    bad = BadHost(WrapperHost.made_in(tmp_path, *QUEUES), "pause queue", fault)
    async with console_of(bad) as console:
        worker = executor(pool, console, time)
        number = await decide(pool, "pause_queue", "queue", "gmail.com/mta1")
        if fault == "riddle":
            await settle(worker, time, 1)
        else:
            with pytest.raises(PortFailure, match=r"no answer to 'pause|without an exit status"):
                await settle(worker, time, 1)
            assert await status(pool, number) == "approved"  # unknown is not done
            assert bad.host.state["paused"] == ["gmail.com/mta1"]
        await settle(worker, time, 2)
        assert await status(pool, number) == "verified"
    # the host shows what was not heard: it is not said again; what was answered in riddles is, to know that it is ours
    assert len(bad.said()) == (2 if fault == "riddle" else 1)
    assert bad.host.state["paused"] == ["gmail.com/mta1"]


async def test_a_host_that_refuses_a_command_once_is_asked_again_and_nothing_is_claimed_meanwhile(
    pool: Pool, time: Time, tmp_path: Path
) -> None:
    bad = BadHost(WrapperHost.made_in(tmp_path, *QUEUES), "pause queue", "denied")
    async with console_of(bad) as console:
        worker = executor(pool, console, time)
        number = await decide(pool, "pause_queue", "queue", "gmail.com/mta1")
        while not bad.said():
            await worker.step()
        assert await status(pool, number) != "verified"
        assert bad.host.state["paused"] == []
        await settle(worker, time, 15)
        assert await status(pool, number) == "verified"
    assert bad.host.state["paused"] == ["gmail.com/mta1"]
    failed = await rows(pool, "select exit_status, output from mailing_engine_commands where state = 'failed'")
    assert [(code, "permission denied" in said) for code, said in failed] == [(1, True)]


async def test_a_host_that_goes_on_refusing_is_told_as_failed_with_its_own_words(
    pool: Pool, time: Time, tmp_path: Path
) -> None:
    bad = BadHost(WrapperHost.made_in(tmp_path, *QUEUES), "pause queue", "denied", times=1000)
    async with console_of(bad) as console:
        worker = executor(pool, console, time)
        number = await decide(pool, "pause_queue", "queue", "gmail.com/mta1")
        await settle(worker, time, 10)
        assert await status(pool, number) == "failed"
        ((note,),) = await rows(pool, "select status_note from mailing_engine_decisions where id = %s", number)
        assert "permission denied" in note
    assert bad.host.state["paused"] == []
    assert len(bad.said()) <= 10  # once a minute, while the decision stands


async def test_a_host_that_starts_anew_and_forgot_is_brought_back_by_an_executor_that_starts_anew_too(
    pool: Pool, time: Time, tmp_path: Path
) -> None:
    host = WrapperHost.made_in(tmp_path, *QUEUES)
    bad = BadHost(host, "", "")
    async with console_of(bad) as console:
        numbers = [
            await decide(pool, "pause_queue", "queue", "gmail.com/mta1"),
            await decide(pool, "quarantine_ip", "ip", "192.0.2.12"),
            await decide(pool, "pause_job", "job", "c3"),
            await decide(pool, "throttle", "isp", "yahoo", "yahoo", factor=0.5),
        ]
        await settle(executor(pool, console, time), time)
        before, limited = host.state, host.include.read_text()
        assert (before["paused"], before["jobs"], len(before["disabled"])) == (["gmail.com/mta1"], ["c3"], 1)
        forgot = before | {"paused": [], "jobs": [], "disabled": [], "backoff": [], "running": ["c3"]}
        (host.root / "state.json").write_text(json.dumps(forgot))
        host.include.write_text("# as installed\n")  # an operator put the old file back
        await settle(executor(pool, console, time), time)
        after = host.state
        assert {name: after[name] for name in ("paused", "jobs", "disabled")} == {
            name: before[name] for name in ("paused", "jobs", "disabled")
        }
        assert host.include.read_text() == limited
        assert [await status(pool, number) for number in numbers] == ["verified"] * 4
