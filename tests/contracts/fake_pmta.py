#!/usr/bin/env python3
"""A stand-in for the `pmta` binary: keeps its state in the JSON file named by FAKE_PMTA_STATE.

Imports nothing of ours; answers as the vendor's guide says (envelope, texts).
"""

import json
import os
import sys
from fnmatch import fnmatchcase
from pathlib import Path

STATE = Path(os.environ["FAKE_PMTA_STATE"])


def main() -> int:
    state = json.loads(STATE.read_text())
    argv = [word for word in sys.argv[1:] if word != "--json"]
    state["log"].append(sys.argv[1:])
    message, data = "", {}
    hit = [queue for queue in state["queues"] if fnmatchcase(queue, argv[-1])]
    match argv:
        case ["pause", "queue", _]:
            state["paused"] = sorted({*state["paused"], *hit})
            message = "Queue(s) paused."
        case ["resume", "queue", _]:
            state["paused"] = sorted({*state["paused"]} - {*hit})
            message = "Queue(s) resumed."
        case ["pause", "job", job]:
            state["jobs"] = sorted({*state["jobs"], job})
            message = "paused job."
        case ["resume", "job", job]:
            state["jobs"] = sorted({*state["jobs"]} - {job})
            message = "resumed job."
        case ["set", "queue", mode, _]:
            kept = {*state["backoff"]} - {*hit}
            state["backoff"] = sorted(kept | ({*hit} if mode == "--mode=backoff" else set()))
        case ["disable", "source", _, ip, queue]:
            state["disabled"].append({"ip": ip, "queue": queue})
        case ["enable", "source", ip, queue]:
            state["disabled"] = [one for one in state["disabled"] if one != {"ip": ip, "queue": queue}]
        case ["reload"]:
            message = "Configuration reloaded."
        case ["test", "config"]:
            pass
        case ["show", "queues", *options]:
            which = "paused" if "--paused=yes" in options else "queues"
            which = "backoff" if "--mode=backoff" in options else which
            data = {"queue": [{"name": queue} for queue in state[which]]}
        case ["show", "jobs"]:
            known = sorted({*state["jobs"], *state.get("running", [])})
            data = {"job": [{"id": job, "paused": job in state["jobs"]} for job in known]}
        case ["show", "disabled", "sources"]:
            data = {"source": state["disabled"]}
        case ["show", "settings", _]:
            data = {"settings": {"max-msg-rate": "20000/h"}}
        case ["show", "status"]:
            data = {"status": {"traffic": {"total": {"out": {"rcp": "3"}}}}}
        case _:
            print(f"unknown command {argv}", file=sys.stderr)
            return 1
    STATE.write_text(json.dumps(state))
    print(json.dumps({"data": data, "status": "success", "message": message}))
    return 0


sys.exit(main())
