"""The simulator as a process: it says where it listens, loses nothing it accepted, and ends when told to."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ignite_app.clock import Clock
from ignite_app.simulator.browser import Browser, Target

PROGRAM = (
    "import asyncio, json, sys; from ignite_app.simulator import load_options, main; "
    "asyncio.run(main(load_options(json.load(open(sys.argv[1])))))"
)
SLOW = "<virtual-mta mta1>\n<domain *>\nmax-msg-rate 60/h\n</domain>\n</virtual-mta>\n"


async def start(home: Path) -> tuple[asyncio.subprocess.Process, dict[str, Any]]:
    ready = home / "ready.json"
    ready.unlink(missing_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(home / "options.json"), stderr=asyncio.subprocess.PIPE
    )
    await until(lambda: ready.exists() or process.returncode is not None)
    assert process.returncode is None
    return process, json.loads(ready.read_text())


async def until(reached: Callable[[], bool]) -> None:
    for _ in range(600):
        if reached():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to that")


async def inject(port: int, numbers: range) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HELO feeder.example\r\n")
    for number in numbers:
        writer.write(
            f"MAIL FROM:<b@x.example>\r\nRCPT TO:<p{number}@gmail.com>\r\nDATA\r\nX-Virtual-MTA: mta1\r\nX-Job: c1\r\n"
            f"X-EnvID: ig{number}\r\nSubject: Hi\r\n\r\nHello\r\n.\r\n".encode()
        )
    writer.write(b"QUIT\r\n")
    replies = (await reader.read()).decode().splitlines()
    assert sum(line == "250 2.6.0 message received" for line in replies) == len(numbers)
    writer.close()


async def status(port: int) -> dict[str, Any]:
    answer = await Browser(()).ask("GET", Target(port, "127.0.0.1", "/status"), {})
    found: dict[str, Any] = json.loads(answer.body)
    return found


async def test_what_was_accepted_survives_a_kill_and_is_delivered_once(tmp_path: Path) -> None:
    clock = Clock.starting(datetime(2026, 11, 2, 9, tzinfo=UTC), 60.0)
    options = {
        "directory": str(tmp_path),
        "accounting_dir": str(tmp_path / "acct"),
        "include_file": str(tmp_path / "ignite.conf"),
        "ready_file": str(tmp_path / "ready.json"),
        "foreign_share": 0.0,
        "clock": {
            "rate": clock.rate,
            "anchor_real": clock.anchor_real,
            "anchor_business": clock.anchor_business.isoformat(),
        },
    }
    (tmp_path / "options.json").write_text(json.dumps(options))
    (tmp_path / "ignite.conf").write_text(SLOW)
    first, ports = await start(tmp_path)
    assert set(ports) == {"pid", "smtp", "ssh", "dns", "verifier", "status", "host_key"}
    assert ports["pid"] == first.pid
    await inject(ports["smtp"], range(1, 81))
    assert (await status(ports["status"]))["accepted"] == 80
    os.kill(first.pid, signal.SIGKILL)
    await first.wait()

    second, ports = await start(tmp_path)
    assert (await status(ports["status"]))["queued"] > 60  # one a minute has left
    os.kill(second.pid, signal.SIGKILL)
    await second.wait()

    (tmp_path / "ignite.conf").unlink()
    third, ports = await start(tmp_path)
    await inject(ports["smtp"], range(81, 91))

    def ended() -> Counter[str]:
        lines = (tmp_path / "simulator.jsonl").read_text().splitlines()
        entries = [json.loads(line) for line in lines]
        return Counter(e["envid"] for e in entries if e["kind"] == "reply" and e["result"] != "deferred")

    await until(lambda: len(ended()) >= 85)
    third.send_signal(signal.SIGTERM)
    _, errors = await third.communicate()
    assert (third.returncode, errors) == (0, b"")
    assert set(ended().values()) == {1}
    taken = [json.loads(line) for line in (tmp_path / "simulator.jsonl").read_text().splitlines()]
    assert Counter(e["envid"] for e in taken if e["kind"] == "message") == {f"ig{n}": 1 for n in range(1, 91)}
