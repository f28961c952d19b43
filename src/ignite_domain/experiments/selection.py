"""Which variant a person gets: by hash, for ever the same.

Decides the arm only. The row in `mailing_sends` keeps the first answer; nobody is rehashed later.
Method: the design page on experiments, §2 (SHA-256, purpose `arm`, subject = the immutable subscriber id).
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Final

import attrs

from ignite_domain.errors import BadInput
from ignite_domain.inference import assignment_bucket

BUCKETS: Final = 1_000_000


def shares(weights: Mapping[str, int]) -> dict[str, int]:
    """Scale `weights` to whole numbers that sum to `BUCKETS`; the last arm takes the rounding."""
    total = sum(weights.values())
    if not weights or total <= 0 or min(weights.values()) < 0:
        raise BadInput("weights: at least one arm, none negative, some positive")
    ends = [0]
    running = 0
    for weight in weights.values():
        running += weight
        ends.append(running * BUCKETS // total)
    return {name: ends[i + 1] - ends[i] for i, name in enumerate(weights)}


@attrs.frozen(slots=False)
class VariantSelector:
    """`salt` names the test; `weights` are relative shares in the order of the arms.

    The order is part of the assignment: it is the order in which the arms were created.
    """

    salt: str
    weights: Mapping[str, int]

    @cached_property
    def _ends(self) -> tuple[tuple[int, str], ...]:
        end = 0
        table = []
        for name, share in shares(self.weights).items():
            end += share
            table.append((end, name))
        return tuple(table)

    def select(self, subscriber_id: int | str) -> str:
        """Return the name of the arm of a person."""
        bucket = assignment_bucket(purpose="arm", salt=self.salt, subject=str(subscriber_id), buckets=BUCKETS)
        place = bucket["bucket"]
        return next(name for end, name in self._ends if place < end)
