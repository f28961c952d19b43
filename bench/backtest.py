"""`python -m bench.backtest [--lines N] [--rounds N] [--json]`: `ignite backtest` beside `csv.reader` over one file.

The file is made from a seed: a day of mail to the eight providers and as many others, from eight addresses in five
jobs; one line in twenty is a refusal in the simulated providers' words. A second one has a third of its hours in which
a provider, an address or a job fares badly, so that decisions stand and are probed. Both read it in turns, in a
process each, and the least processor time of each counts: other load only ever adds. The goal is a ratio of 0.3.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.cases import FORMS, HEADER

DAY = datetime(2026, 3, 1, tzinfo=UTC)
BRANDS = ("gmail.com", "yahoo.com", "hotmail.com", "icloud.com", "comcast.net", "att.net", "cox.net", "charter.net")
DOMAINS = (*BRANDS[:3], *BRANDS, *(f"firm{number}.example" for number in range(8)))


def make(path: Path, lines: int, *, troubled: bool = False) -> None:
    """Write the file. `troubled`: every third hour one provider, address or job is refused six times in ten."""
    dice = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        for number in range(lines):
            at = DAY + timedelta(seconds=86_400 * number / lines)
            queued = at - timedelta(seconds=dice.randrange(60))
            domain, ip = dice.choice(DOMAINS), dice.randrange(8)
            status, reply = "2.0.0", f"smtp;250 2.0.0 OK {number:010x} - gsmtp"
            hour = 24 * number // lines
            bad = troubled and hour % 3 == 0 and dice.random() < 0.6
            bad = bad and (domain == BRANDS[hour // 3], ip == hour // 3, hour % 2 == 0)[hour // 3 % 3]
            if number % 20 == 0 or bad:
                form = FORMS[hour % len(FORMS)] if bad else dice.choice(FORMS)
                rcpt, mx, serial = f"person{number}@{domain}", f"mx{ip % 4}.{domain}", f"{number:08x}"
                said = form.text.format(ip=f"198.51.100.{ip}", rcpt=rcpt, domain="m.example", mx=mx, id=serial)
                status, reply = form.status, f"smtp;{said}"
            kind = {"2": "d", "4": "t", "5": "b"}[status[0]]
            quoted = '"' + reply.replace('"', '""') + '"'
            file.write(
                f"{kind},{at:%Y-%m-%d %H:%M:%S}+0000,{queued:%Y-%m-%d %H:%M:%S}+0000,bounce@m.example,"
                f"person{number}@{domain},,relayed,{status} (words),{quoted},mx.{domain} (192.0.2.9),,smtp,"
                f'app (192.0.2.1),smtp,198.51.100.{ip},192.0.2.9,"SIZE,STARTTLS",20480,mta{ip},'
                f"c{5 * number // lines},ig{number},{domain}/mta{ip},\n"
            )


def timed(what: str, path: str) -> dict[str, float]:
    """One run of `what` in a process of its own: processor seconds and peak memory in MB."""
    done = subprocess.run(  # noqa: S603  # this very module
        [sys.executable, "-m", "bench.backtest", "--run", what, path], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def once(what: str, path: str) -> dict[str, float]:
    if what == "csv":
        import csv

        start = time.process_time()
        with Path(path).open(newline="", encoding="utf-8") as file:
            count = sum(1 for _ in csv.reader(file)) - 1
    else:
        from ignite_app.backtest.run import backtest

        start = time.process_time()
        count = backtest([path]).counted.records
    seconds = time.process_time() - start
    return {"records": count, "seconds": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.backtest", description=__doc__)
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(once(*options.run)))
        return 0
    measured = [measure(options.lines, options.rounds, troubled=troubled) for troubled in (False, True)]
    for found in measured:
        told = (
            f"{found['name']}: {found['per_second']:,.0f} lines/s, {found['times_twin']:.3f} x {found['twin_is']} "
            f"(goal {found['limit']}), peak {found['peak_mb']:.0f} MB"
        )
        if not options.json:
            print(told)
    if options.json:
        print(json.dumps(measured))
    return 0


def measure(lines: int, rounds: int, *, troubled: bool) -> dict[str, Any]:
    """Both over one file, in turns. Raises SystemExit if they counted differently."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "acct.csv"
        make(path, lines, troubled=troubled)
        ours, theirs = [], []
        for _ in range(rounds):
            theirs.append(timed("csv", str(path)))
            ours.append(timed("backtest", str(path)))
    mine, twin = (min(one["seconds"] for one in runs) for runs in (ours, theirs))
    name = "backtest, troubled" if troubled else "backtest"
    if {one["records"] for one in ours} != {one["records"] for one in theirs}:
        raise SystemExit(f"ours and its twin disagree: {name}")
    return {
        "name": name,
        "lines": lines,
        "per_second": lines / mine,
        "times_twin": twin / mine,
        "twin_is": "csv.reader over the same file",
        "limit": 0.3,
        "peak_mb": max(one["mb"] for one in ours),
    }


if __name__ == "__main__":
    sys.exit(main())
