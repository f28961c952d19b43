"""The segment expression: who is meant by a campaign, before any rule says who may get it.

One tree, two readings: `matches` for a person in hand, `to_sql` for the whole table; a property test says
that they agree. It does not decide who may be mailed (`subscribers.may_mail`) or who is sent first.

JSON form: `{}` is everyone; `{"all": [...]}`, `{"any": [...]}`, `{"not": ...}` combine; a leaf is one of
`{"isp": ["gmail", "elsewhere"]}`, `{"min_score": 0.5}`, `{"max_score": 0.5}`, `{"domain": ["cox.net"]}`,
`{"from_warmup_file": true}`, `{"attribute": "state", "is": "NY"}`. Several leaves in one object mean `all`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import attrs

from ignite_domain.errors import BadInput
from ignite_domain.isps import Isp

ELSEWHERE: Final = "elsewhere"
MAX_DEPTH: Final = 8
MAX_VALUES: Final = 1000


@attrs.frozen
class Person:
    """What a segment may ask about. `isp` None: outside the eight brands."""

    isp: str | None
    domain: str
    score: float
    from_warmup_file: bool
    attributes: Mapping[str, Any] = attrs.field(factory=dict)


def _bind(params: dict[str, Any], value: Any) -> str:
    name = f"seg{len(params)}"
    params[name] = value
    return f"%({name})s"


class Segment(Protocol):
    """A node of the tree; immutable."""

    def matches(self, person: Person) -> bool:
        """Whether the person is meant."""

    def to_sql(self, params: dict[str, Any]) -> str:
        """Return a boolean SQL expression over `mailing_subscribers s`, adding its values to `params`.

        Uses named placeholders only (`seg0`, `seg1`, …); no value ever stands in the text.
        """


@attrs.frozen
class All:
    parts: tuple[Segment, ...] = ()

    def matches(self, person: Person) -> bool:
        return all(part.matches(person) for part in self.parts)

    def to_sql(self, params: dict[str, Any]) -> str:
        return "(" + " and ".join(part.to_sql(params) for part in self.parts) + ")" if self.parts else "true"


@attrs.frozen
class AnyOf:
    parts: tuple[Segment, ...]

    def matches(self, person: Person) -> bool:
        return any(part.matches(person) for part in self.parts)

    def to_sql(self, params: dict[str, Any]) -> str:
        return "(" + " or ".join(part.to_sql(params) for part in self.parts) + ")" if self.parts else "false"


@attrs.frozen
class Not:
    part: Segment

    def matches(self, person: Person) -> bool:
        return not self.part.matches(person)

    def to_sql(self, params: dict[str, Any]) -> str:
        return f"(not {self.part.to_sql(params)})"


@attrs.frozen
class IspIn:
    names: tuple[str, ...]

    def matches(self, person: Person) -> bool:
        return (person.isp or ELSEWHERE) in self.names

    def to_sql(self, params: dict[str, Any]) -> str:
        return f"(coalesce(s.isp, '{ELSEWHERE}') = any({_bind(params, list(self.names))}::text[]))"


@attrs.frozen
class DomainIn:
    names: tuple[str, ...]

    def matches(self, person: Person) -> bool:
        return person.domain in self.names

    def to_sql(self, params: dict[str, Any]) -> str:
        return f"(s.domain = any({_bind(params, list(self.names))}::text[]))"


@attrs.frozen
class MinScore:
    score: float

    def matches(self, person: Person) -> bool:
        return person.score >= self.score

    def to_sql(self, params: dict[str, Any]) -> str:
        return f"(s.data_quality_score >= {_bind(params, self.score)}::double precision)"


@attrs.frozen
class MaxScore:
    score: float

    def matches(self, person: Person) -> bool:
        return person.score <= self.score

    def to_sql(self, params: dict[str, Any]) -> str:
        return f"(s.data_quality_score <= {_bind(params, self.score)}::double precision)"


@attrs.frozen
class FromWarmupFile:
    wanted: bool

    def matches(self, person: Person) -> bool:
        return person.from_warmup_file is self.wanted

    def to_sql(self, params: dict[str, Any]) -> str:
        return f"(s.from_warmup_file = {_bind(params, self.wanted)})"


@attrs.frozen
class AttributeIs:
    """Compares text. A person without the attribute does not match (and so matches the `not`)."""

    name: str
    value: str

    def matches(self, person: Person) -> bool:
        found = person.attributes.get(self.name)
        return isinstance(found, str) and found == self.value

    def to_sql(self, params: dict[str, Any]) -> str:
        name, value = _bind(params, self.name), _bind(params, self.value)
        return f"(coalesce(s.attributes -> {name}::text = to_jsonb({value}::text), false))"


def _names(key: str, value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or len(names) > MAX_VALUES:
        raise BadInput(f"audience: {key} needs a list of 1 to {MAX_VALUES} names")
    if not all(isinstance(name, str) for name in names):
        raise BadInput(f"audience: {key} holds something that is no text")
    return tuple(sorted({name.lower() for name in names}))


def _isp(value: Any) -> Segment:
    names = _names("isp", value)
    unknown = sorted(set(names) - {isp.value for isp in Isp} - {ELSEWHERE})
    if unknown:
        raise BadInput(f"audience: no such isp: {', '.join(unknown)}")
    return IspIn(names)


def _score(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadInput(f"audience: {key} is a number from 0 to 1")
    return float(value)


def _flag(value: Any) -> Segment:
    if not isinstance(value, bool):
        raise BadInput("audience: from_warmup_file is true or false")
    return FromWarmupFile(value)


_LEAVES: Final[dict[str, Callable[[Any], Segment]]] = {
    "isp": _isp,
    "domain": lambda value: DomainIn(_names("domain", value)),
    "min_score": lambda value: MinScore(_score("min_score", value)),
    "max_score": lambda value: MaxScore(_score("max_score", value)),
    "from_warmup_file": _flag,
}


def parse(tree: Any, depth: int = 0) -> Segment:
    """Read the JSON form. Raises `BadInput` naming the key that is wrong."""
    if not isinstance(tree, Mapping):
        raise BadInput("audience: an object is expected")
    if depth > MAX_DEPTH:
        raise BadInput(f"audience: nested deeper than {MAX_DEPTH}")
    parts: list[Segment] = []
    rest = dict(tree)
    if "attribute" in rest or "is" in rest:
        name, value = rest.pop("attribute", None), rest.pop("is", None)
        if not isinstance(name, str) or not isinstance(value, str):
            raise BadInput("audience: attribute and is go together, both text")
        parts.append(AttributeIs(name, value))
    for key, value in rest.items():
        if key in ("all", "any"):
            if not isinstance(value, Sequence) or isinstance(value, str):
                raise BadInput(f"audience: {key} needs a list")
            branches = tuple(parse(branch, depth + 1) for branch in value)
            parts.append(All(branches) if key == "all" else AnyOf(branches))
        elif key == "not":
            parts.append(Not(parse(value, depth + 1)))
        elif key in _LEAVES:
            parts.append(_LEAVES[key](value))
        else:
            raise BadInput(f"audience: no such key: {key!r}")
    return parts[0] if len(parts) == 1 else All(tuple(parts))
