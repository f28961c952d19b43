"""How people and machines treat a mail. Pure: a plan follows from dice and the letter's appeal alone.

Rates: about 25 % open, 5 % click, 0.3 % unsubscribe, 0.03 % complain; scanners at Microsoft and at some
companies follow every link within seconds; Apple's privacy proxy loads pictures unread; Gmail's readers
come through its image proxy. Delays are business seconds before `haste` shortens them.
"""

from typing import Final

import attrs

from ignite_app.simulator.dice import Dice
from ignite_app.simulator.messages import Letter
from ignite_app.simulator.world import Destination
from ignite_domain.isps import Isp

OPEN_RATE: Final = 0.25
CLICK_RATE: Final = 0.05
UNSUBSCRIBE_RATE: Final = 0.003
COMPLAINT_RATE: Final = 0.0003
MOST_APPEAL: Final = 2.0
SECOND_CLICK: Final = 0.12
SCANNED: Final = {Isp.MICROSOFT: 0.12, None: 0.05}
PRELOADED: Final = 0.6  # of Apple's mail: fetched by its privacy proxy
SOONEST: Final = 60.0  # nobody reads a mail sooner than this, however hasty

GOOGLE_PROXY: Final = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
APPLE_PROXY: Final = "Mozilla/5.0"
SCANNERS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0.0.0 Safari/537.36",
    "Mozilla/5.0 (compatible; Barracuda Sentinel (EE))",
    "python-requests/2.31",
)
BROWSERS: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 "
    "Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile "
    "Safari/537.36",
)


@attrs.frozen
class Plan:
    """What will be done with one delivered mail; None and empty: that not. Times from delivery, in seconds."""

    scan: str = ""  # user agent of the link scanner
    scan_after: float = 0.0
    scan_heads: bool = False  # it asks HEAD before it follows
    preload_after: float | None = None
    open_after: float | None = None
    open_agent: str = ""
    click_agent: str = ""
    clicks: tuple[int, ...] = ()  # indices into the visible links
    unsubscribe_after: float | None = None
    complain_after: float | None = None

    @property
    def empty(self) -> bool:
        return self == Plan()


@attrs.frozen
class Habits:
    dice: Dice
    haste: float = 1.0
    appeals: tuple[tuple[str, float, float], ...] = ()  # words, opens, clicks

    def may_look(self, envid: str, rcpt: str, destination: Destination) -> bool:
        """False if no letter whatever would make anybody or anything look at it."""
        return not self._plan(envid, rcpt, destination, MOST_APPEAL, MOST_APPEAL, 1).empty

    def plan(self, envid: str, rcpt: str, destination: Destination, letter: Letter) -> Plan:
        """What this person, and the machines around, do with this letter."""
        opens, clicks = self._appeal(letter.subject)
        visible = sum(1 for url, seen in letter.links if seen and "/u/" not in url)
        return self._plan(envid, rcpt, destination, opens, clicks, visible)

    def _appeal(self, subject: str) -> tuple[float, float]:
        for words, opens, clicks in self.appeals:
            if words.lower() in subject.lower():
                return min(opens, MOST_APPEAL), min(clicks, MOST_APPEAL)
        factor = self.dice.between(0.9, 1.1, "appeal", subject)
        return factor, factor

    def _plan(self, envid: str, rcpt: str, destination: Destination, opens: float, clicks: float, visible: int) -> Plan:
        key = (envid, rcpt)
        roll, between = self.dice.unit, self.dice.between
        interest = roll("interest", *key)  # one die: who clicks has opened
        opened = interest < OPEN_RATE * opens
        clicked = opened and visible > 0 and interest < CLICK_RATE * opens * clicks
        picked: tuple[int, ...] = ()
        if clicked:
            first = int(roll("link", *key) ** 2 * visible)  # the first link draws most
            picked = (first,)
            if visible > 1 and self.dice.chance(SECOND_CLICK, "second click", *key):
                picked = (first, (first + 1) % visible)
        reading = self._wait(between(180, 3300, "reading", *key))
        scanned = self.dice.chance(SCANNED.get(destination.isp, 0.0), "scanned", destination.domain, rcpt)
        apple = destination.isp is Isp.APPLE
        preloads = apple and self.dice.chance(PRELOADED, "preloads", rcpt)
        browser = self.dice.pick(BROWSERS, "browser", rcpt)
        shown = opened and not preloads  # a preloaded picture is not fetched again
        complains = self.dice.chance(COMPLAINT_RATE, "complains", *key)
        leaves = self.dice.chance(UNSUBSCRIBE_RATE, "unsubscribes", *key)
        return Plan(
            scan=self.dice.pick(SCANNERS, "scanner", destination.domain) if scanned else "",
            scan_after=between(2, 20, "scan", *key) if scanned else 0.0,
            scan_heads=scanned and self.dice.chance(0.3, "heads", destination.domain),
            preload_after=between(20, 240, "preload", *key) if preloads else None,
            open_after=reading if shown else None,
            open_agent=(GOOGLE_PROXY if destination.isp is Isp.GMAIL else browser) if shown else "",
            click_agent=browser if picked else "",
            clicks=picked,
            unsubscribe_after=self._wait(between(300, 3600, "leaving", *key)) if leaves else None,
            complain_after=self._wait(between(600, 5400, "complaining", *key)) if complains else None,
        )

    def _wait(self, seconds: float) -> float:
        return max(SOONEST, seconds / self.haste)
