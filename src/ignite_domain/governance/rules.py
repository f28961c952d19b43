"""The rule table: what each kind of agent looks for, and what it asks for when it finds it.

One table that agents walk, `ignite rules` prints and the documentation is generated from. Decides
thresholds, actions and lifetimes; how evidence is weighed is decided in `agents`, conflicts in
`orchestrator`. Sources: governance page ("Alarms", "Deterministic lane", "Hysteresis and recovery").
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final

import attrs

from ignite_domain.governance.alarms import TUNINGS
from ignite_domain.governance.signals import WINDOWS_S
from ignite_domain.governance.words import OWNER, Action, AgentKind, Signal


class Test(StrEnum):
    """How evidence is weighed."""

    CUSUM = "cusum"  # the stream's lattice CUSUM stands at or above H; `replies`, if named, are what is said mainly
    SHARE = "share"  # Wilson lower bound of x/n in the window above `limit`, with at least `at_least` events
    REPLY = "reply"  # a reply of one of `replies` to at least `at_least` distinct recipients in ten minutes
    SILENCE = "silence"  # at least `at_least` events in the window and nothing accepted in it
    REPORTED = (
        "reported"  # the newest complaint rate that the provider itself reported, of the last week, above `limit`
    )
    TOGETHER = "together"  # what REPLY asks for, at `at_least` providers at once and at most of those with mail


class Scope(StrEnum):
    """Where it is looked for, and what the decision is about."""

    ISP = "isp"
    IP = "ip"
    JOB = "job"
    COLD = "cold"  # addresses under the warm-up ladder
    HOST = "host"


@attrs.frozen
class Rule:
    """One row. `limit` is a share, `window_s` seconds, `z` the quantile of the Wilson bound. `words` may name {limit}
    and {window}: a policy changes them.

    `policy` is the stored policy that changed the row, 0 as it was shipped: it is part of what decisions name.
    """

    name: str
    version: int
    agent: AgentKind
    test: Test
    signal: Signal
    scope: Scope
    action: Action
    lifetime: timedelta
    words: str
    limit: float = 0.0
    at_least: int = 0
    window_s: int = 600
    z: float = 1.96
    replies: frozenset[str] = frozenset()
    parameters: Mapping[str, float] = attrs.field(factory=dict)
    policy: int = 0

    @property
    def id(self) -> str:
        """`rule@version`; `rule@version.policy` of a row that a stored policy changed, the number in four digits, so
        that an id keeps its length while versions come and go."""
        return f"{self.name}@{self.version}" + (f".{self.policy:04}" if self.policy else "")

    @property
    def says(self) -> str:
        """What it finds, for people."""
        return self.words.format(limit=f"{100 * self.limit:g} %", window=self.window_s // 60)


_HALF_HOUR: Final = timedelta(minutes=30)
_HOUR: Final = timedelta(hours=1)

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        name="nothing-accepted",
        version=1,
        agent=AgentKind.THROTTLE,
        test=Test.SILENCE,
        signal=Signal.DEFERRAL,
        scope=Scope.ISP,
        action=Action.THROTTLE,
        lifetime=_HALF_HOUR,
        words="everything is deferred and nothing is accepted",
        at_least=10,
        parameters={"factor": 0.1},
    ),
    Rule(
        name="rate-limit-reply",
        version=1,
        agent=AgentKind.THROTTLE,
        test=Test.REPLY,
        signal=Signal.ATTEMPT,
        scope=Scope.ISP,
        action=Action.THROTTLE,
        lifetime=_HALF_HOUR,
        words="the provider says that it is too much",
        limit=0.05,
        at_least=2,
        z=2.58,
        replies=frozenset({"rate_limit", "connection_limit", "deferred_reputation"}),
        parameters={"factor": 0.5},
    ),
    Rule(
        name="deferral-rise",
        version=1,
        agent=AgentKind.THROTTLE,
        test=Test.CUSUM,
        signal=Signal.DEFERRAL,
        scope=Scope.ISP,
        action=Action.THROTTLE,
        lifetime=_HALF_HOUR,
        words="deferrals have risen from at most 10 % towards 30 %",
        parameters={"factor": 0.7},
    ),
    Rule(
        name="refused-connections",
        version=1,
        agent=AgentKind.THROTTLE,
        test=Test.SILENCE,
        signal=Signal.CONNECTION,
        scope=Scope.ISP,
        action=Action.BACKOFF,
        lifetime=_HALF_HOUR,
        words="connections are refused and nothing is accepted",
        at_least=5,
    ),
    Rule(
        name="refusal-rise",
        version=1,
        agent=AgentKind.THROTTLE,
        test=Test.CUSUM,
        signal=Signal.REFUSAL,
        scope=Scope.ISP,
        action=Action.THROTTLE,
        lifetime=_HALF_HOUR,
        words="refusals of us have risen from at most 2 % towards 8 %, and no one address is to blame",
        replies=frozenset({"reputation", "policy", "content"}),  # our own authentication is mended by a person
        parameters={"factor": 0.5},
    ),
    Rule(
        name="complaint-watch",
        version=1,
        agent=AgentKind.REPUTATION,
        test=Test.SHARE,
        signal=Signal.COMPLAINT,
        scope=Scope.ISP,
        action=Action.WARN,
        lifetime=_HOUR,
        words="complaints are above {limit} of delivered mail",
        limit=0.001,
        at_least=3,
        window_s=86_400,
    ),
    Rule(
        name="complaint-rise",
        version=1,
        agent=AgentKind.REPUTATION,
        test=Test.CUSUM,
        signal=Signal.COMPLAINT,
        scope=Scope.IP,
        action=Action.DISABLE_SOURCE,
        lifetime=_HOUR,
        words="complaints have risen from at most 0.05 % towards 0.3 %",
        at_least=3,
    ),
    Rule(
        name="reported-complaints",
        version=1,
        agent=AgentKind.REPUTATION,
        test=Test.REPORTED,
        signal=Signal.COMPLAINT,
        scope=Scope.ISP,
        action=Action.WARN,
        lifetime=timedelta(hours=24),
        words="the complaint rate that the provider reports is above {limit}",
        limit=0.001,
        window_s=86_400,
    ),
    Rule(
        name="authentication-refused",
        version=1,
        agent=AgentKind.REPUTATION,
        test=Test.REPLY,
        signal=Signal.ATTEMPT,
        scope=Scope.ISP,
        action=Action.WARN,
        lifetime=_HOUR,
        words="the provider finds fault with our authentication or configuration; a person must look",
        limit=0.02,
        at_least=2,
        replies=frozenset({"auth", "tls"}),
    ),
    Rule(
        name="carried-refused",
        version=1,
        agent=AgentKind.REPUTATION,
        test=Test.REPLY,
        signal=Signal.ATTEMPT,
        scope=Scope.ISP,
        action=Action.WARN,
        lifetime=_HOUR,
        words="the provider refuses a domain, signature or link that our mail carries; a person must look",
        limit=0.02,
        at_least=2,
        replies=frozenset({"carried"}),
    ),
    Rule(
        name="unreachable",
        version=1,
        agent=AgentKind.REPUTATION,
        test=Test.REPLY,
        signal=Signal.ATTEMPT,
        scope=Scope.ISP,
        action=Action.WARN,
        lifetime=_HOUR,
        words="mail does not get through to the provider: network or DNS; a person must look",
        limit=0.10,
        at_least=2,
        replies=frozenset({"network", "routing"}),
    ),
    Rule(
        name="address-refused",
        version=2,
        agent=AgentKind.POOL,
        test=Test.REPLY,
        signal=Signal.REFUSAL,
        scope=Scope.IP,
        action=Action.QUARANTINE_IP,
        lifetime=_HOUR,
        words="the provider refuses this address by its reputation",
        limit=0.10,
        at_least=2,
        replies=frozenset({"reputation"}),
    ),
    Rule(
        name="address-refused-by-policy",
        version=1,
        agent=AgentKind.POOL,
        test=Test.REPLY,
        signal=Signal.REFUSAL,
        scope=Scope.IP,
        action=Action.QUARANTINE_IP,
        lifetime=_HOUR,
        words="the provider refuses this address by a policy that it does not name",
        limit=0.10,
        at_least=5,  # "policy" states no fact about the address: two of them are an ordinary hour's
        replies=frozenset({"policy"}),
    ),
    Rule(
        name="cold-congestion",
        version=1,
        agent=AgentKind.WARMUP,
        test=Test.SHARE,
        signal=Signal.DEFERRAL,
        scope=Scope.COLD,
        action=Action.HOLD_WARMUP,
        lifetime=timedelta(hours=12),
        words="the provider defers more than {limit} from a young address",
        limit=0.10,
        at_least=3,
        window_s=3600,
    ),
    Rule(
        name="cold-refused",
        version=1,
        agent=AgentKind.WARMUP,
        test=Test.SHARE,
        signal=Signal.DEFERRAL,
        scope=Scope.COLD,
        action=Action.STEP_DOWN_WARMUP,
        lifetime=timedelta(hours=24),
        words="the provider defers more than {limit} from a young address",
        limit=0.30,
        at_least=5,
        window_s=3600,
    ),
    Rule(
        name="cold-dead-addresses",
        version=1,
        agent=AgentKind.WARMUP,
        test=Test.SHARE,
        signal=Signal.BOUNCE,
        scope=Scope.COLD,
        action=Action.STEP_DOWN_WARMUP,
        lifetime=timedelta(hours=24),
        words="more than {limit} dead addresses from a young address",
        limit=0.05,
        at_least=3,
        window_s=3600,
    ),
    Rule(
        name="bounce-flood",
        version=1,
        agent=AgentKind.EMERGENCY,
        test=Test.SHARE,
        signal=Signal.BOUNCE,
        scope=Scope.ISP,
        action=Action.EMERGENCY_HALT,
        lifetime=_HOUR,
        words="more than {limit} of {window} minutes' mail meets dead addresses",
        limit=0.25,
        at_least=5,
        window_s=300,
        z=3.09,
    ),
    Rule(
        name="bounce-rise-of-a-job",
        version=1,
        agent=AgentKind.EMERGENCY,
        test=Test.CUSUM,
        signal=Signal.BOUNCE,
        scope=Scope.JOB,
        action=Action.PAUSE_JOB,
        lifetime=_HOUR,
        words="one job's dead addresses have risen from at most 3 % towards 8 %, so it stops at every provider",
    ),
    Rule(
        name="bounce-rise",
        version=1,
        agent=AgentKind.EMERGENCY,
        test=Test.CUSUM,
        signal=Signal.BOUNCE,
        scope=Scope.ISP,
        action=Action.PAUSE_QUEUE,
        lifetime=_HOUR,
        words="dead addresses have risen from at most 3 % towards 8 %, and no one job is to blame",
    ),
    Rule(
        name="complaints-of-a-job",
        version=1,
        agent=AgentKind.EMERGENCY,
        test=Test.CUSUM,
        signal=Signal.COMPLAINT,
        scope=Scope.JOB,
        action=Action.PAUSE_JOB,
        lifetime=_HOUR,
        words="complaints about one job have risen from at most 0.05 % towards 0.3 %, so it stops at every provider",
        at_least=3,
    ),
    Rule(
        name="carried-refused-of-a-job",
        version=1,
        agent=AgentKind.EMERGENCY,
        test=Test.REPLY,
        signal=Signal.ATTEMPT,
        scope=Scope.JOB,
        action=Action.PAUSE_JOB,
        lifetime=_HOUR,
        words="the provider refuses a domain, signature or link that this job carries, so it stops at every provider",
        limit=0.10,
        at_least=2,
        replies=frozenset({"carried"}),
    ),
    Rule(
        name="own-fault",
        version=1,
        agent=AgentKind.EMERGENCY,
        test=Test.TOGETHER,
        signal=Signal.ATTEMPT,
        scope=Scope.HOST,
        action=Action.EMERGENCY_HALT,
        lifetime=_HOUR,
        words="many providers turn us away at once for our own authentication, DNS or network; a person must look",
        limit=0.30,
        at_least=3,
        replies=frozenset({"auth", "tls", "network", "routing"}),
    ),
    Rule(
        name="host-bounce-flood",
        version=1,
        agent=AgentKind.EMERGENCY,
        test=Test.SHARE,
        signal=Signal.BOUNCE,
        scope=Scope.HOST,
        action=Action.EMERGENCY_HALT,
        lifetime=_HOUR,
        words="more than {limit} of the whole host's mail in {window} minutes meets dead addresses",
        limit=0.25,
        at_least=20,
        window_s=300,
        z=3.09,
    ),
)
"""Order within a kind is order of preference: the first rule that finds something speaks for the agent."""

SUPPRESS_RULE: Final = "reply-suppresses@1"
"""The suppression agents' one rule: the bounce taxonomy of `replies` says which replies, and for how long."""

BY_AGENT: Final[Mapping[AgentKind, tuple[Rule, ...]]] = {
    kind: tuple(rule for rule in RULES if rule.agent is kind) for kind in AgentKind
}

SIGNAL_OF: Final[Mapping[str, Signal]] = {rule.name: rule.signal for rule in RULES}
"""Rule name -> the signal it looks at."""

MAX_LIFETIME: Final = timedelta(hours=24)
PROBE_MESSAGES: Final = 30
PROBE_LIFETIME: Final = timedelta(minutes=20)
PROBE_MIN_OUTCOMES: Final = 10
PROBE_FEW_OUTCOMES: Final = 5
"""Where there is hardly any mail, so many outcomes decide when the probe's time is over; with fewer it goes on."""
WIDE_SHARE: Final = 0.6
"""If at least this share of the addresses is refused together, it is the provider, not an address."""
STANDS_OUT: Final = 2.0
"""A job is to blame if its share of events is this many times that of the other jobs at the provider."""
COMPARABLE: Final = 20
"""First attempts in an hour below which a comparison says nothing."""
COMPANY_SHARE: Final = 0.3
"""If the other addresses together are refused this often, one address is in company, and not to blame."""


@attrs.frozen
class Blame:
    """The constants of attribution, as one thing that can be handed on; what each means stands at its default."""

    wide_share: float = WIDE_SHARE
    stands_out: float = STANDS_OUT
    comparable: int = COMPARABLE
    company_share: float = COMPANY_SHARE


BLAME: Final = Blame()


@attrs.frozen
class ProbeTest:
    """Wald's SPRT on "not accepted": good at p_good, bad at p_bad, both errors 5 %. It says good after `least` outcomes
    at the earliest; `few` decide where there is hardly any mail."""

    p_good: float = 0.05
    p_bad: float = 0.30
    accept: float = 2.944  # ln(0.95 / 0.05)
    least: int = PROBE_MIN_OUTCOMES
    few: int = PROBE_FEW_OUTCOMES


PROBE_TEST: Final = ProbeTest()


def faults(rules: Sequence[Rule] = RULES) -> list[str]:
    """What is wrong with a rule table, in plain words; empty if it is sound."""
    found = [f"{rule.id} stands twice" for rule in rules if sum(1 for one in rules if one.id == rule.id) > 1]
    for rule in rules:
        if not timedelta(0) < rule.lifetime <= MAX_LIFETIME:
            found.append(f"{rule.id}: lifetime must be above 0 and at most a day")
        if OWNER[rule.action] is not rule.agent:
            found.append(f"{rule.id}: {rule.action} belongs to the {OWNER[rule.action]} agent")
        if rule.test is Test.CUSUM and rule.signal not in TUNINGS:
            found.append(f"{rule.id}: there is no CUSUM of {rule.signal}")
        if rule.test in (Test.REPLY, Test.TOGETHER) and not rule.replies:
            found.append(f"{rule.id}: names no reply classes")
        if rule.test is Test.TOGETHER and rule.scope is not Scope.HOST:
            found.append(f"{rule.id}: only the host sees many providers together")
        if rule.test in (Test.SHARE, Test.REPLY, Test.TOGETHER, Test.REPORTED) and not 0 < rule.limit < 1:
            found.append(f"{rule.id}: needs a limit between 0 and 1")
        if rule.window_s > WINDOWS_S[-1]:
            found.append(f"{rule.id}: signals are kept for a day")
    return found
