"""The truth in files: what really happened outside (simulator.jsonl) and what was asked over SSH (ssh.jsonl).

One JSON object a line; the first key is `at`, an RFC 3339 instant of business time.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs


def instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@attrs.define(eq=False)
class Ledger:
    """Lines are on disk after `flush`; counts are those of this process."""

    path: Path
    counts: dict[str, int] = attrs.field(factory=dict)
    _pending: list[str] = attrs.field(factory=list)

    def add(self, at: float, kind: str, **fields: Any) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self._pending.append(json.dumps({"at": instant(at), "kind": kind, **fields}, separators=(",", ":")))

    def command(self, at: float, **fields: Any) -> None:
        self.counts["command"] = self.counts.get("command", 0) + 1
        self._pending.append(json.dumps({"at": instant(at), **fields}))

    def flush(self) -> None:
        if self._pending:
            with self.path.open("a", encoding="utf-8") as out:
                out.write("\n".join(self._pending) + "\n")
            self._pending.clear()
