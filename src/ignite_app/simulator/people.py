"""Recipients and the machines around them, acting over real HTTP. Decides order and bookkeeping;
who does what and when is `habits`.

An action stands in the ledger only when the server answered it (2xx or 3xx). A server that cannot be
reached or answers 5xx or 429 is asked again; one that answers 4xx is not, and the refusal is written down.
A question put again although an earlier one may have been heard is written down too, as `repeat`: the server
that died between storing and answering has stored both.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qs, urlsplit

import attrs

from ignite_app.simulator.browser import Browser, Response, Unreachable
from ignite_app.simulator.habits import APPLE_PROXY, Habits, Plan
from ignite_app.simulator.isps import REPLIES
from ignite_app.simulator.messages import Letter, QueuedMessage
from ignite_app.simulator.records import Records
from ignite_app.simulator.scheduler import Scheduler
from ignite_app.simulator.world import Destination

RETRY_REAL_SECONDS: Final = 0.5
TRIES: Final = 120
PAGE_TRIES: Final = 6
"""A person reloads a page that does not come a few times and then goes away."""
AFTER_SCAN: Final = 30.0
BEACON_PATH: Final = "/api/v1/site-events"
BEACON_TYPE: Final = "text/plain;charset=UTF-8"
FEEDBACK: Final = frozenset({"yahoo", "microsoft", "comcast", "charter", ""})
"""Limiter groups with a feedback loop; "" stands for small providers. Gmail and Apple have none."""
FEEDBACK_DELAY: Final = 300.0

Step = Callable[[], Awaitable[None]]


class _Refused(Exception):
    """The server answered, and it was no."""


@attrs.define(eq=False)
class People:
    """`workers` requests run at a time. `enabled` False: delivered mail is left unread from then on."""

    scheduler: Scheduler
    habits: Habits
    records: Records
    browser: Browser
    source_of: Callable[[str], str]
    workers: int
    enabled: bool = True
    pending: int = 0
    _steps: asyncio.Queue[Step] = attrs.field(factory=asyncio.Queue)

    def may_look(self, envid: str, rcpt: str, destination: Destination) -> bool:
        return self.enabled and self.habits.may_look(envid, rcpt, destination)

    def receive(self, message: QueuedMessage, now: float) -> None:
        """A mail has arrived in its mailbox."""
        letter = message.letter
        if not self.enabled or letter is None:
            return
        plan = self.habits.plan(message.envid, message.rcpt, message.destination, letter)
        if plan.preload_after is not None and letter.pixel:
            at = now + plan.preload_after
            self._plan(at, lambda: self._open(message, letter, APPLE_PROXY, human=False))
        if plan.scan:
            self._plan(now + plan.scan_after, lambda: self._scan(message, letter, plan, now))
        else:
            self._read(message, letter, plan, now)
        if plan.complain_after is not None:
            self.pending += 1
            self.scheduler.at(now + plan.complain_after + FEEDBACK_DELAY, lambda: self._complain(message))

    def _read(self, message: QueuedMessage, letter: Letter, plan: Plan, now: float, not_before: float = 0.0) -> None:
        """The person's own doings."""
        if plan.open_after is not None and letter.pixel:
            agent = plan.open_agent
            at = max(now + plan.open_after, not_before)
            self._plan(at, lambda: self._open(message, letter, agent, human=True))
        if plan.clicks:
            base = now + (plan.open_after if plan.open_after is not None else 600 / self.habits.haste)
            for place, index in enumerate(plan.clicks):
                at = max(base, not_before) + 25.0 + 40.0 * place
                self._plan(at, lambda index=index: self._click(message, letter, plan, index))  # type: ignore[misc]
        if plan.unsubscribe_after is not None and letter.one_click:
            at = max(now + plan.unsubscribe_after, not_before)
            self._plan(at, lambda: self._unsubscribe(message, letter))

    def _plan(self, at: float, step: Step) -> None:
        self.pending += 1
        self.scheduler.at(at, lambda: self._steps.put_nowait(step))

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            step = await self._steps.get()
            try:
                await step()
            except _Refused:
                pass  # already in the ledger
            finally:
                self.pending -= 1

    # -- single doings

    async def _ask(
        self,
        message: QueuedMessage,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes = b"",
        tries: int = TRIES,
    ) -> Response:
        """Ask until answered. Raises _Refused after writing down why."""
        target = self.browser.target(url)
        why = "not a host of this world"
        where = "/".join(urlsplit(url).path.split("/")[:3])
        unanswered = 0
        for _ in range(tries if target else 0):
            assert target is not None
            try:
                response = await self.browser.ask(method, target, headers, body)
            except Unreachable as failure:
                why = f"unreachable: {failure}"
                unanswered += failure.asked
            else:
                unanswered += response.repeated
                if response.status < 400:
                    if unanswered:
                        self._write(message, "repeat", method=method, where=where, times=unanswered)
                    return response
                why = f"answer {response.status}"
                if response.status < 500 and response.status != 429:
                    break
            await asyncio.sleep(RETRY_REAL_SECONDS)
        self._write(message, "refused", why=why, method=method, where=where)
        raise _Refused(why)

    def _write(self, message: QueuedMessage, kind: str, **fields: object) -> None:
        self.records.action(message, kind, self.scheduler.now(), fields)

    async def _open(self, message: QueuedMessage, letter: Letter, agent: str, *, human: bool) -> None:
        await self._ask(message, "GET", letter.pixel, {"User-Agent": agent, "Accept": "image/*"})
        self._write(message, "open", human=human)

    async def _scan(self, message: QueuedMessage, letter: Letter, plan: Plan, delivered: float) -> None:
        """A link scanner follows everything from the top, seen by people or not; it runs no scripts."""
        for index, (url, _) in enumerate(letter.links):
            try:
                for method in ("HEAD", "GET") if plan.scan_heads else ("GET",):
                    await self._ask(message, method, url, {"User-Agent": plan.scan})
                    if "/u/" not in urlsplit(url).path:
                        self._write(message, "click", human=False, url_index=index, method=method)
            except _Refused:
                continue
        self._read(message, letter, plan, delivered, not_before=self.scheduler.now() + AFTER_SCAN)

    async def _click(self, message: QueuedMessage, letter: Letter, plan: Plan, index: int) -> None:
        visible = [
            (place, url)
            for place, (url, seen) in enumerate(letter.links)
            if seen and not urlsplit(url).path.startswith("/u/")
        ]
        if not visible:
            return
        place, url = visible[index % len(visible)]
        response = await self._ask(message, "GET", url, {"User-Agent": plan.click_agent, "Accept": "text/html"})
        self._write(message, "click", human=True, url_index=place)
        location = response.headers.get("location", "")
        if not self.browser.owns(location):
            return
        page = {"User-Agent": plan.click_agent, "Accept": "text/html"}
        await self._ask(message, "GET", location, page, tries=PAGE_TRIES)  # no page, no script, no beacon
        await self._beacon(message, "page_view", location, plan.click_agent, 0, 0)
        stay = self.habits.dice.between(8, 240, "stay", message.envid, index)
        depth = int(self.habits.dice.between(10, 101, "depth", message.envid, index))
        self._plan(
            self.scheduler.now() + stay,
            lambda: self._beacon(message, "session_end", location, plan.click_agent, int(stay * 1000), min(depth, 100)),
        )

    async def _beacon(
        self, message: QueuedMessage, kind: str, location: str, agent: str, duration: int, depth: int
    ) -> None:
        """What the site's tracker posts, member by member in its order."""
        parts, query = urlsplit(location), parse_qs(urlsplit(location).query)
        report = {
            "type": kind,
            "eid": query.get("eid", [""])[-1],
            "cid": query.get("cid", [""])[-1],
            "sid": query.get("sid", [""])[-1],
            "url": location,
            "referrer": "",
            "duration_ms": duration,
            "scroll_pct": depth,
        }
        origin = f"{parts.scheme}://{parts.netloc}"
        await self._ask(
            message,
            "POST",
            origin + BEACON_PATH,
            {"User-Agent": agent, "Origin": origin, "Referer": origin + "/", "Content-Type": BEACON_TYPE},
            json.dumps(report, separators=(",", ":"), ensure_ascii=False).encode(),
        )
        extra = {"duration_ms": duration, "scroll_pct": depth} if kind == "session_end" else {}
        self._write(message, kind, human=True, **extra)

    async def _unsubscribe(self, message: QueuedMessage, letter: Letter) -> None:
        await self._ask(
            message,
            "POST",
            letter.one_click,
            {"User-Agent": "Mailbox/1.0", "Content-Type": "application/x-www-form-urlencoded"},
            b"List-Unsubscribe=One-Click",
        )
        self._write(message, "unsubscribe", human=True)

    def _complain(self, message: QueuedMessage) -> None:
        group = message.destination.group
        seen = (group if group in REPLIES else "") in FEEDBACK
        self.records.complaint(message, self.source_of(message.vmta), seen, self.scheduler.now())
        self.pending -= 1
