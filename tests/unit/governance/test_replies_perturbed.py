"""Other people's replies with other addresses, IPs, hosts and ids in them: the same answer, even if they look
like codes.

What is replaced is found by patterns of this file, not by the classifier's.
"""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from ignite_domain.governance.replies import classify

ADDRESS = re.compile(r"[\w.+=-]+@[\w-]+(?:\.[\w-]+)+")
IPV4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
HOST = re.compile(r"(?<![\w.@/-])(?:[A-Za-z0-9_-]+\.){2,}[A-Za-z]{2,}(?![\w-])")
SERIAL = re.compile(r"(?<![\w./@-])(?=[a-z0-9-]*\d)(?=[0-9-]*[a-z])[a-z0-9-]{14,}(?![\w.@])")
URL = re.compile(r"https?://\S+")
BLOCK_LIST = re.compile(
    r"spamhaus|spamcop|barracuda|sorbs|dnsbl|rbl|cloudmark|proofpoint|invaluement|uceprotect|abuseat|mailspike|surbl"
    r"|uribl|njabl|senderscore|symantec|trendmicro|nszones|backscatter|abusix|bl\.",
    re.IGNORECASE,
)
"""Hosts whose name is the message."""
LOCALS = ("s775", "ts03", "user.unknown", "blocked", "5.7.606", "rate-limit", "full")
DOMAINS = ("b550-571.example", "over-quota.example", "tss09.example")
IPS = ("5.7.1.1", "198.51.100.77", "4.7.0.28", "127.0.0.5")
ROUNDS = 6


@attrs.define
class Swap:
    """One text with everything in it replaced that could be another one in another message."""

    text: str
    dice: random.Random
    became: dict[str, str] = attrs.field(factory=dict)

    def all(self) -> "Swap":
        self._each(ADDRESS, lambda _: f"{self.dice.choice(LOCALS)}@{self.dice.choice(DOMAINS)}")
        self._each(IPV4, lambda _: self.dice.choice(IPS))
        self._each(HOST, lambda host: f"mx550-{self.dice.randrange(999)}.{host.partition('.')[2]}", self._stays)
        self._each(SERIAL, lambda word: "".join(map(self._other, word)))
        return self

    def _stays(self, host: str) -> bool:
        return BLOCK_LIST.search(host) is not None or any(domain in host for domain in DOMAINS)

    def _other(self, char: str) -> str:
        return self.dice.choice("0123456789" if char.isdigit() else "abcdef") if char.isalnum() else char

    def _each(
        self, what: re.Pattern[str], make: Callable[[str], str], stays: Callable[[str], bool] = lambda _: False
    ) -> None:
        links = [link.span() for link in URL.finditer(self.text)]

        def one(match: re.Match[str]) -> str:
            old = match.group()
            if any(begin <= match.start() < end for begin, end in links) or stays(old):
                return old
            new = self.became.get(old.lower()) or make(old)
            self.became[old.lower()] = new
            if "@" in new:
                self.became.setdefault(old.lower().partition("@")[2], new.partition("@")[2])
            return new

        self.text = what.sub(one, self.text)


@pytest.mark.foreign_data
@pytest.mark.parametrize(("file", "changed"), [("bounce_replies.json", 50), ("isp_replies.json", 50)])
def test_other_addresses_ips_hosts_and_ids_get_the_same_answer(foreign_fixtures: Path, file: str, changed: int) -> None:
    differ: list[str] = []
    touched = set()
    for case in json.loads((foreign_fixtures / file).read_text(encoding="utf-8"))["cases"]:
        said = classify(case["status"], case["diagnostic"], case["remote_mta"])
        for seed in range(ROUNDS):
            swap = Swap(case["diagnostic"], random.Random(seed)).all()
            if swap.became:
                touched.add(case["id"])
            again = classify(case["status"], swap.text, case["remote_mta"])
            blamed = (said.names and said.names.value) or ""
            named = swap.became.get(blamed.lower(), blamed).lower()
            same = (
                again.kind,
                again.hard,
                again.rule,
                again.retry_after,
                ((again.names and again.names.value) or "").lower(),
            )
            if same != (said.kind, said.hard, said.rule, said.retry_after, named):
                differ.append(f"{case['id']}: {said} became {again}: {swap.text}")
    assert differ == []
    assert len(touched) > changed, "hardly anything was replaced"
