"""The simulator as a process: start, say where everything listens, run until told to stop."""

import asyncio
import json
import os
import signal
from pathlib import Path

from ignite_app.simulator.options import SimulatorOptions
from ignite_app.simulator.simulator import Simulator


def write_ready(simulator: Simulator, path: Path) -> None:
    """Write the chosen ports and the host key as JSON, all at once."""
    ready = {
        "pid": os.getpid(),
        "smtp": simulator.smtp_port,
        "ssh": simulator.ssh.port,
        "dns": simulator.dns.port,
        "verifier": simulator.verifier_port,
        "status": simulator.status_port,
        "host_key": simulator.ssh.host_key,
    }
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(ready) + "\n", encoding="utf-8")
    draft.replace(path)


async def main(options: SimulatorOptions) -> None:
    """Run until SIGINT or SIGTERM, or until a part fails (then its error is raised)."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    simulator = Simulator.build(options)
    await simulator.start()
    try:
        if options.ready_file:
            write_ready(simulator, Path(options.ready_file))
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(simulator.wait())]
        done, left = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        for task in done:
            task.result()
    finally:
        await simulator.stop()
