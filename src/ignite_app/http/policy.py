"""`/api/v1/policy` and `/api/v1/rules`: the policy in force, its versions, changing it, and trying another one.

Decode, call, return; what a policy may say is decided in `policy`, which one is in force in `policies.in_force`.
"""

from collections.abc import Sequence
from typing import Any, Final

import attrs
from litestar import Request, Response, delete, get, post, put
from litestar.params import FromPath, FromQuery

from ignite_app.clock import Clock
from ignite_app.http.bodies import decode
from ignite_app.http.problems import problem
from ignite_app.policies.in_force import faults_of, policy_of
from ignite_app.policies.trial import PolicyTrials
from ignite_app.policy import SHIPPED, Fault, Policy, differences, parse, uses
from ignite_domain.errors import BadInput, Conflict
from ignite_domain.governance.ports import PolicyStore, PolicyVersion
from ignite_domain.governance.rules import Rule

MAX_BODY: Final = 512 * 1024
"""A document, escaped as JSON may escape it."""
MAX_REASON: Final = 500
MAX_LIMIT: Final = 200
_LAST: Final = (1 << 31) - 1


@attrs.frozen
class PolicyDeps:
    """`from_file`: the policy is kept in the file that `governance.policy` names, so the API makes no versions."""

    store: PolicyStore
    trials: PolicyTrials
    clock: Clock
    from_file: bool = False


@attrs.frozen
class DocumentIn:
    document: str


@attrs.frozen
class PolicyIn:
    """`version`: the one in force that was changed; 0 for the rules as shipped."""

    document: str
    reason: str
    version: int


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "agent": rule.agent,
        "says": rule.says,
        "signal": rule.signal,
        "scope": rule.scope,
        "action": rule.action,
        "parameters": dict(rule.parameters),
        "lifetime_s": rule.lifetime.total_seconds(),
    }


def _rows(policy: Policy) -> list[dict[str, Any]]:
    changed = {one.rule for one in differences(SHIPPED, policy)}
    rows = []
    for row in policy.rows:
        fields = row.values()
        del fields["enabled"], fields["version"]
        rows.append(
            {
                "name": row.rule.name,
                "version": row.rule.version,
                **_rule(row.rule),
                "enabled": row.enabled,
                "changed": row.rule.name in changed,
                "fields": fields,
                "uses": uses(row.rule),
            }
        )
    return rows


def _version(stored: PolicyVersion) -> dict[str, Any]:
    return {
        "version": stored.version,
        "by": stored.author,
        "at": stored.at,
        "reason": stored.reason,
        "document": stored.document,
    }


_AS_SHIPPED: Final[dict[str, Any]] = {"version": 0, "by": None, "at": None, "reason": None, "document": ""}


def _faults(wrong: Sequence[Fault]) -> list[dict[str, Any]]:
    return [{"key": one.key, "message": one.message, "line": one.line} for one in wrong]


def _refusal(wrong: Sequence[Fault]) -> Response[Any]:
    """400 that names every fault, in words and as data."""
    told = "; ".join(f"line {one.line}: {one}" if one.line else str(one) for one in wrong)
    return problem(400, told, faults=_faults(wrong))


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason or len(reason) > MAX_REASON or not reason.isprintable():
        raise BadInput(f"reason: one line of 1 to {MAX_REASON} characters is expected")
    return reason


def routes(deps: PolicyDeps) -> list[Any]:
    """The handlers, for the app factory."""

    def shown(stored: PolicyVersion | None) -> dict[str, Any]:
        about = _version(stored) if stored else _AS_SHIPPED
        return {
            **about,
            "rules": _rows(policy_of(stored)),
            "from_file": deps.from_file,
            "faults": _faults(faults_of(stored)),
        }

    @get("/api/v1/rules", tags=["agents"])
    async def rules() -> dict[str, Any]:
        """The table that the agents go by now; a rule that is switched off is not in it."""
        return {"items": [_rule(rule) for rule in policy_of(await deps.store.newest()).rules], "next": None}

    @get("/api/v1/policy", tags=["policy"])
    async def policy() -> dict[str, Any]:
        """The policy in force: its document, and every rule with the values that it has now."""
        return shown(await deps.store.newest())

    @get("/api/v1/policy/versions", tags=["policy"])
    async def versions(before: FromQuery[int] = _LAST, limit: FromQuery[int] = 50) -> dict[str, Any]:
        """Every policy that was ever in force, newest first."""
        if not 1 <= limit <= MAX_LIMIT:
            raise BadInput(f"limit: must be between 1 and {MAX_LIMIT}")
        items = [_version(one) for one in await deps.store.versions(min(max(before, 0), _LAST), limit)]
        more = len(items) == limit and items[-1]["version"] > 1
        return {"items": items, "next": items[-1]["version"] if more else None}

    @post("/api/v1/policy/check", tags=["policy"], status_code=200, request_max_body_size=MAX_BODY)
    async def check(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Whether a document could be put in force, and what it would change about what is; nothing is kept."""
        said = await decode(request, DocumentIn)
        proposed, wrong = parse(said.document)
        found = [] if wrong else differences(policy_of(await deps.store.newest()), proposed)
        return {"ok": not wrong, "faults": _faults(wrong), "diff": [one.as_json() for one in found]}

    @put("/api/v1/policy", tags=["policy"], status_code=200, request_max_body_size=MAX_BODY)
    async def change(request: Request[Any, Any, Any]) -> Response[Any]:
        """Put a document in force: the agents run it from their next step on. 409 if `version` is not the newest."""
        said = await decode(request, PolicyIn)
        reason = _reason(said.reason)
        if deps.from_file:
            raise Conflict("the policy is kept in the file that governance.policy names: change it there")
        wrong = parse(said.document)[1]
        if wrong:
            return _refusal(wrong)
        newest = await deps.store.newest()
        now = newest.version if newest else 0
        if said.version != now:
            raise Conflict(f"the policy has been changed meanwhile: version {now} is in force, read it again")
        made = PolicyVersion(now + 1, deps.clock.now(), request.state.author, reason, said.document)
        await deps.store.add(made)
        return Response(shown(made))

    @post("/api/v1/policy/backtest", tags=["policy"], status_code=202, request_max_body_size=MAX_BODY)
    async def backtest(request: Request[Any, Any, Any]) -> Response[Any]:
        """Try a document on the last seven days of the accounting files on this host, beside what is in force."""
        said = await decode(request, DocumentIn)
        wrong = parse(said.document)[1]
        if wrong:
            return _refusal(wrong)
        newest = await deps.store.newest()
        return Response({"id": deps.trials.start(newest.document if newest else "", said.document)}, status_code=202)

    @get("/api/v1/policy/backtest/{key:str}", tags=["policy"])
    async def trial(key: FromPath[str]) -> dict[str, Any]:
        """How far a backtest is, and what it found; it is remembered for an hour."""
        return deps.trials.shown(key)

    @delete("/api/v1/policy/backtest/{key:str}", tags=["policy"], status_code=200)
    async def cancel(key: FromPath[str]) -> dict[str, Any]:
        """End a backtest that runs, its work included; one that is over stays as it is."""
        return await deps.trials.cancel(key)

    return [rules, policy, versions, check, change, backtest, trial, cancel]
