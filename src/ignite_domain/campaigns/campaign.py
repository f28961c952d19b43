"""A campaign as somebody asks for it.

Decides what a complete campaign is. Its life is `states`, its people `audience`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from ignite_domain.campaigns.audience import parse
from ignite_domain.campaigns.message import compile_text, one_line
from ignite_domain.errors import BadInput

ELEMENTS: Final = frozenset({"subject", "preheader", "body"})
MAX_HTML: Final = 500_000
"""Characters. Gmail clips a message at about 100 kB, so this is generous."""
MAX_VARIANTS: Final = 8


@attrs.frozen
class VariantDraft:
    """One arm. `weight` is a share relative to the other arms'."""

    name: str
    subject: str
    html: str = attrs.field(repr=False)
    preheader: str = ""
    weight: int = 1


@attrs.frozen
class CampaignDraft:
    """Everything a campaign needs before it can be scheduled. `batch_per_min` is messages per business minute."""

    name: str
    from_name: str
    from_address: str
    landing_url: str
    variants: tuple[VariantDraft, ...]
    element: str = "subject"
    audience: Mapping[str, Any] = attrs.field(factory=dict)
    batch_per_min: int = 6000
    kind: str = "campaign"

    def checked(self) -> "CampaignDraft":
        """Itself, if it can be sent. Raises `BadInput` naming the field that is wrong."""
        for name, sound, wish in _RULES:
            if not sound(self):
                raise BadInput(f"{name}: {wish}")
        parse(dict(self.audience))
        for index, variant in enumerate(self.variants):
            if not variant.name or not one_line(variant.subject):
                raise BadInput(f"variants[{index}]: name and subject are needed")
            if variant.weight < 1 or variant.weight > 1_000_000:
                raise BadInput(f"variants[{index}].weight: a whole number from 1 to 1,000,000")
            if not variant.html.strip() or len(variant.html) > MAX_HTML:
                raise BadInput(f"variants[{index}].html: 1 to {MAX_HTML} characters")
            for text in (variant.subject, variant.preheader, variant.html):
                compile_text(text)
        return self


def _is_address(address: str) -> bool:
    local, at, domain = address.rpartition("@")
    return bool(local and at and "." in domain) and one_line(address) == address and not set(address) & set(" <>,;")


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


_RULES: Final[tuple[tuple[str, Callable[[CampaignDraft], bool], str], ...]] = (
    ("name", lambda c: 0 < len(c.name.strip()) <= 200, "1 to 200 characters"),
    ("from_name", lambda c: len(c.from_name) <= 100, "at most 100 characters"),
    ("from_address", lambda c: _is_address(c.from_address), "an address"),
    ("landing_url", lambda c: _is_url(c.landing_url), "an http or https URL"),
    ("element", lambda c: c.element in ELEMENTS, "one of " + ", ".join(sorted(ELEMENTS))),
    ("batch_per_min", lambda c: 1 <= c.batch_per_min <= 10_000_000, "a whole number from 1"),
    ("kind", lambda c: c.kind in ("campaign", "flow"), "campaign or flow"),
    ("variants", lambda c: 1 <= len(c.variants) <= MAX_VARIANTS, f"1 to {MAX_VARIANTS}"),
    ("variants", lambda c: len({v.name for v in c.variants}) == len(c.variants), "names must differ"),
)
