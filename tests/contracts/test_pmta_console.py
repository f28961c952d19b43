"""What every `PmtaConsole` promises: the memory twin, and SSH to the wrapper that we ship."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from ignite_adapters.memory.pmta import MemoryPmta
from ignite_adapters.pmta.ssh import SshConsole
from ignite_domain.errors import BadInput, PortFailure
from ignite_domain.governance import commands
from ignite_domain.governance.commands import PmtaCommand, Verb
from ignite_domain.governance.console_port import PmtaConsole
from ignite_domain.governance.host_state import QUESTIONS, HostState, Reading, read
from ignite_domain.governance.include_file import render

from .ssh_host import Keys, WrapperHost, serving

QUEUES = ("gmail.com/mta1", "gmail.com/mta2", "yahoo.rollup/mta1")


@pytest.fixture
def host(tmp_path: Path) -> WrapperHost:
    return WrapperHost.made_in(tmp_path, *QUEUES)


@pytest.fixture
async def keys(host: WrapperHost) -> AsyncIterator[Keys]:
    async with serving(host) as found:
        yield found


def _ssh(keys: Keys, *, host_key: str = "", key_path: str = "") -> SshConsole:
    return SshConsole(
        "127.0.0.1", keys.port, "ignite", key_path or keys.key_path, host_key or keys.host_key, timeout=10
    )


@pytest.fixture(params=["memory", "ssh"])
async def console(request: pytest.FixtureRequest, host: WrapperHost) -> AsyncIterator[PmtaConsole]:
    if request.param == "memory":
        yield MemoryPmta(*QUEUES)
        return
    async with serving(host) as keys:
        made = _ssh(keys)
        yield made
        await made.close()


async def _say(console: PmtaConsole, command: PmtaCommand) -> None:
    reply = await console.run(command)
    assert commands.failure(command, reply.exit_status, reply.output) is None


async def _state(console: PmtaConsole) -> HostState:
    return read({reading: (await console.run(question)).output for reading, question in QUESTIONS.items()})


async def test_the_settings_of_one_queue_are_shown_and_of_no_pattern(console: PmtaConsole) -> None:
    reply = await console.run(commands.show_settings("gmail.com/mta1"))
    assert (reply.exit_status, "max-msg-rate" in reply.output) == (0, True)
    with pytest.raises(BadInput):
        commands.show_settings("*/mta1")


async def test_every_knob_can_be_turned_read_and_undone(console: PmtaConsole) -> None:
    for command in (
        commands.pause_queue("gmail.com/*"),
        commands.set_mode("yahoo.rollup/mta1", backoff=True),
        commands.pause_job("c12"),
        commands.disable_source("192.0.2.12", "gmail.com/mta2", reenable_after="60m"),
    ):
        await _say(console, command)
    state = await _state(console)
    assert state.queues == set(QUEUES)
    assert state.paused == {"gmail.com/mta1", "gmail.com/mta2"}
    assert state.backoff == {"yahoo.rollup/mta1"}
    assert state.jobs == {"c12"}
    assert state.disabled == {("192.0.2.12", "gmail.com/mta2")}
    for command in (
        commands.resume_queue("gmail.com/*"),
        commands.set_mode("yahoo.rollup/mta1", backoff=False),
        commands.resume_job("c12"),
        commands.enable_source("192.0.2.12", "gmail.com/mta2"),
    ):
        await _say(console, command)
    state = await _state(console)
    assert not (state.paused | state.backoff | state.jobs | state.disabled)


async def test_a_command_said_twice_leaves_the_same_state(console: PmtaConsole) -> None:
    await _say(console, commands.pause_queue("gmail.com/mta1"))
    before = await _state(console)
    await _say(console, commands.pause_queue("gmail.com/mta1"))
    assert await _state(console) == before


async def test_the_include_file_is_put_tested_and_loaded(console: PmtaConsole) -> None:
    text = render(["mta1", "mta2"], 20000, {("gmail.com", "mta1"): 500}).text
    for command in (commands.put_include(text), commands.check_config(), commands.reload()):
        await _say(console, command)


async def test_what_is_not_a_command_of_ours_never_leaves(console: PmtaConsole) -> None:
    with pytest.raises(BadInput):
        await console.run(PmtaCommand(Verb.RELOAD, ("pmta", "--json", "shutdown")))


async def test_an_unreachable_host_is_a_retryable_failure_and_a_later_call_connects_again(
    host: WrapperHost,
) -> None:
    async with serving(host) as first:
        console = _ssh(first)
        await _say(console, commands.reload())
    for _ in range(2):  # the connection that broke, then no connection
        with pytest.raises(PortFailure) as failure:
            await console.run(commands.reload())
        assert failure.value.retryable
    async with serving(host, first.port):
        await _say(console, commands.reload())
        await console.close()


async def test_one_connection_carries_all_commands(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    console = _ssh(keys)
    await _say(console, commands.reload())
    kept = console._connection
    await _say(console, commands.pause_queue("gmail.com/mta1"))
    assert console._connection is kept
    await console.close()


async def test_another_host_key_is_refused_and_not_retried(keys: Keys, host: WrapperHost) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    with pytest.raises(PortFailure, match="shows another key") as failure:
        await _ssh(keys, host_key=other).run(commands.reload())
    assert not failure.value.retryable
    assert host.state["log"] == []


async def test_a_key_the_host_does_not_know_is_refused_and_not_retried(keys: Keys, tmp_path: Path) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(tmp_path / "stranger"))
    with pytest.raises(PortFailure, match="refuses our key") as failure:
        await _ssh(keys, key_path=str(tmp_path / "stranger")).run(commands.reload())
    assert not failure.value.retryable


GOOD = render(["mta1"], 100, {}).text
REFUSED = [
    (None, b""),
    ("sh", b""),
    ("pmta --json shutdown", b""),
    ("pmta --json delete --queue=gmail.com/mta1", b""),
    ("pmta reload", b""),
    ("pmta --json reload now", b""),
    ("pmta --json pause queue gmail.com/mta1; id", b""),
    ("pmta --json pause queue gmail.com/mta1 yahoo.com/mta1", b""),
    ("pmta --json pause queue $(id)", b""),
    ("pmta --json pause queue --all", b""),
    ("pmta --json pause queue gmail.com", b""),
    ("pmta --json pause job newsletter", b""),
    ("pmta --json pause job c1x", b""),
    ("pmta --json set queue --priority=9 gmail.com/mta1", b""),
    ("pmta --json disable source 192.0.2.1 gmail.com/mta1", b""),  # for ever: not with us
    ("pmta --json show queues --errors", b""),
    ("pmta --json show settings gmail.com/*", b""),
    ("ignite-put-include /etc/passwd", GOOD.encode()),
    ("ignite-put-include", b"max-smtp-out 1\n"),
    ("ignite-put-include", GOOD[:-20].encode()),
    ("ignite-put-include", GOOD.encode() + b"trailing\n"),
    ("ignite-put-include", b""),
]


@pytest.mark.parametrize(("line", "stdin"), REFUSED)
async def test_the_wrapper_refuses_what_ignite_does_not_say(host: WrapperHost, line: str | None, stdin: bytes) -> None:
    host.include.write_text("before")
    status, out, err = await host.run(line, stdin)
    assert (status, out) == (126, "")
    assert err.startswith("ignite-pmta-wrapper: refused: ")
    assert host.state["log"] == []
    assert [path.name for path in host.include.parent.iterdir()] == ["ignite.conf"]
    assert host.include.read_text() == "before"


async def test_the_wrapper_hands_quoted_words_over_as_they_are(host: WrapperHost) -> None:
    status, _, _ = await host.run("pmta --json pause queue 'gmail.com/*'")
    assert status == 0
    assert host.state["log"] == [["--json", "pause", "queue", "gmail.com/*"]]


async def test_the_wrapper_replaces_the_include_file_and_prints_its_checksum(host: WrapperHost) -> None:
    status, out, _ = await host.run("ignite-put-include", GOOD.encode())
    assert status == 0
    assert out.strip() == commands.put_include(GOOD).stdin_sha256
    assert host.include.read_text() == GOOD


def test_the_questions_cover_every_reading() -> None:
    assert set(QUESTIONS) == set(Reading)
