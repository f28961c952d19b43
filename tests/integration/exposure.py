"""Knows what must not stand in any output of a run, from the outside world's own files, and looks for it."""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import attrs
import yaml

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
_TOKEN = re.compile(rb"/(?:t/[oc]|u)/([\w.~-]{16,})")
_WORDS = (re.compile(r"[\w-]+"), re.compile(r"[\w.+-]*\w"))  # a local part may hold a dot, a sentence ends with one
_NAMES = ("first name", "last name", "first_name", "last_name")
_SECRET_SETTINGS = re.compile(r"secret|key|token|dsn")


@attrs.frozen
class Known:
    """`texts` are looked for anywhere, whatever the case; `words` as whole words, as they are written."""

    texts: frozenset[str]
    words: frozenset[str]

    def shown_in(self, output: str) -> list[str]:
        folded = output.casefold()
        written = {word for form in _WORDS for word in form.findall(output)}
        return sorted({text for text in self.texts if text in folded} | self.words & written)


def known(root: Path) -> Known:
    """Addresses and names of everybody in the bucket, every tracking token, every secret of the configuration."""
    addresses: set[str] = set()
    names: set[str] = set()
    for path in (root / "bucket").rglob("*.csv"):
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        addresses |= {found.casefold() for found in _ADDRESS.findall(text)}
        if path.name.endswith(".rejects.csv"):
            continue
        for row in csv.DictReader(text.splitlines()):
            names |= {str(row[name]).strip() for name in row if name and name.strip().lower() in _NAMES}
    local_parts = {one.partition("@")[0] for one in addresses}
    secrets = set(_secrets(yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))))
    key = (root / "ssh" / "client").read_text(encoding="ascii").splitlines()[1:-1]
    tokens = {token.decode() for token in _TOKEN.findall((root / "spool.jsonl").read_bytes())}
    return Known(
        frozenset(addresses | {quote(one) for one in addresses} | {one.casefold() for one in key}),
        # a local part such as "ana" is a name, too; a short one may be a word of ours
        frozenset({one for one in names | local_parts if len(one) > 3} | secrets | tokens),
    )


def _secrets(settings: Mapping[str, object], secret: bool = False) -> Iterator[str]:
    for name, value in settings.items():
        hidden = secret or bool(_SECRET_SETTINGS.search(name))
        if isinstance(value, Mapping):
            yield from _secrets(value, hidden)
        elif hidden and isinstance(value, str) and not name.startswith("ssh_") and "host_key" not in name:
            yield value.rpartition("@")[0].rpartition(":")[2] if name == "dsn" else value


def outputs(root: Path) -> dict[str, str]:
    """Everything the processes of a run printed or logged, the database server included, by name."""
    paths = [*(root / "logs").iterdir(), root / "postgres" / "server.log"]
    return {path.name: path.read_text(encoding="utf-8", errors="replace") for path in paths}


def exposed(root: Path) -> dict[str, list[str]]:
    """By output, what stands in it and must not."""
    private = known(root)
    found = {name: private.shown_in(text) for name, text in outputs(root).items()}
    return {name: shown for name, shown in found.items() if shown}
