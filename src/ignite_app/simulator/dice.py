"""Dice that depend on what is asked, never on when: the same seed gives the same world.

Decides nothing; every chance in the simulator is drawn here, by (seed, purpose, identity).
"""

from collections.abc import Sequence
from hashlib import blake2b, md5
from typing import Final, TypeVar

import attrs

_T = TypeVar("_T")
_SCALE: Final = 2.0**-64


@attrs.frozen
class Dice:
    seed: int

    def unit(self, purpose: str, *identity: object) -> float:
        """A number in [0, 1), evenly spread, fixed for (seed, purpose, identity)."""
        text = f"{self.seed}\x1f{purpose}\x1f" + "\x1f".join(map(str, identity))
        return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()) * _SCALE

    def chance(self, probability: float, purpose: str, *identity: object) -> bool:
        return self.unit(purpose, *identity) < probability

    def between(self, low: float, high: float, purpose: str, *identity: object) -> float:
        return low + (high - low) * self.unit(purpose, *identity)

    def pick(self, options: Sequence[_T], purpose: str, *identity: object) -> _T:
        """One of `options`, which must not be empty."""
        return options[int(self.unit(purpose, *identity) * len(options))]


def address_md5(address: str) -> str:
    """The hash by which people are known in ledgers and lists: md5 of the lower-case address, hex."""
    return md5(address.strip().lower().encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
