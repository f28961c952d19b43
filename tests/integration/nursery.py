"""Starts workers in a twentieth of the time: a process that has imported the application and forks on demand.

A line `NAME` on standard input forks a child that runs `ignite work NAME --config FILE`, exactly as the
command line would, with its output appended to LOGS/NAME.log; the child's process id is the answer. Children
die with this process, and this process ends when its standard input does. Usage: nursery.py FILE LOGS
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def born(name: str, config: str, logs: Path) -> None:
    """In the child: run one worker to its end."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(logs / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number, target in ((0, nothing), (1, log), (2, log)):
        os.dup2(target, number)
    from ignite_app.cli.main import run

    os._exit(run(["work", name, "--config", config]))


def main(config: str, logs: Path) -> None:
    import ignite_app.asgi
    import ignite_app.cli.commands
    import ignite_app.container  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            born(line.strip(), config, logs)
        print(child, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
