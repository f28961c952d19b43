"""A worker that dies while it uploads the include file: what the simulated host logs, and that the books agree."""

import asyncio
import hashlib
from collections import Counter
from pathlib import Path

import asyncssh
import pytest

from ignite_app.demo.outside import read_ssh
from ignite_app.demo.reconcile import rows_by_verb
from ignite_app.simulator.options import SimulatorOptions
from ignite_app.simulator.simulator import Simulator
from ignite_domain.governance.include_file import render

TEXT = render(["mta1"], 20_000, {}).text


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
async def test_what_arrived_of_an_upload_is_accounted_for_by_its_row(tmp_path: Path, share: float) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_public_key(str(tmp_path / "client.pub"))
    simulator = Simulator.build(
        SimulatorOptions(
            str(tmp_path / "home"), str(tmp_path / "acct"), ssh_authorised_key=str(tmp_path / "client.pub")
        )
    )
    await simulator.start()
    try:
        connection = await asyncssh.connect(
            "127.0.0.1", simulator.ssh.port, username="ignite", client_keys=[key], known_hosts=None, config=None
        )
        process = await connection.create_process("ignite-put-include", encoding=None)
        process.stdin.write(TEXT.encode()[: int(len(TEXT) * share)])
        if share == 1:
            process.stdin.write_eof()
            await process.wait()
        else:
            await asyncio.sleep(0.3)  # the piece is on its way
        connection.abort()
        await asyncio.sleep(0.3)
        include = Path(simulator.ssh.console.include.path)
        assert include.exists() is (share == 1)
    finally:
        await simulator.stop()
    typed, refused = read_ssh(tmp_path / "home" / "ssh.jsonl")
    row = ("ignite-put-include", hashlib.sha256(TEXT.encode()).hexdigest())
    for left, right in rows_by_verb(typed, Counter(), Counter({row: 1}), refused).values():
        assert left == right
    assert sum(refused.values()) == (share == 0.5)
