"""Who gets which arm: the oracle's buckets, and a twin of the rule written with fractions."""

import json
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_domain.errors import BadInput
from ignite_domain.experiments import VariantSelector, shares

ORACLE = json.loads((Path(__file__).parents[2] / "fixtures" / "ab_oracle_public.json").read_text(encoding="utf-8"))
CASES = ORACLE["cases"] if isinstance(ORACLE, dict) else ORACLE
ARMS = [c for c in CASES if c["function"] == "assignment_bucket" and c["inputs"]["purpose"] == "arm"]


@pytest.mark.parametrize("case", ARMS, ids=[c["id"] for c in ARMS])
def test_the_edge_between_two_arms_lies_exactly_at_the_oracles_bucket(case: dict[str, dict[str, object]]) -> None:
    bucket = int(str(case["expected"]["bucket"]))
    salt, subject = str(case["inputs"]["salt"]), str(case["inputs"]["subject"])
    assert VariantSelector(salt, {"A": bucket, "B": 1_000_000 - bucket}).select(subject) == "B"
    assert VariantSelector(salt, {"A": bucket + 1, "B": 999_999 - bucket}).select(subject) == "A"


WEIGHTS = st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(1, 1000), min_size=1)


@given(WEIGHTS, st.text(st.characters(codec="ascii"), min_size=1, max_size=12), st.integers(1, 2**40))
def test_selection_is_the_share_of_the_hash(weights: dict[str, int], salt: str, person: int) -> None:
    digest = sha256(f"arm\x1f{salt}\x1f{person}".encode()).digest()
    bucket = int(Fraction(int.from_bytes(digest[:8], "big"), 2**64) * 1_000_000)
    end, wanted = 0, None
    for name, share in shares(weights).items():
        end += share
        if wanted is None and bucket < end:
            wanted = name
    assert VariantSelector(salt, weights).select(person) == wanted


@given(WEIGHTS)
def test_shares_are_whole_and_within_one_of_their_weight(weights: dict[str, int]) -> None:
    found = shares(weights)
    assert sum(found.values()) == 1_000_000
    total = sum(weights.values())
    assert all(abs(found[name] - 1_000_000 * w / total) <= 1 for name, w in weights.items())


def test_a_change_of_weights_moves_only_the_band_between() -> None:
    before, after = VariantSelector("c1", {"A": 50, "B": 50}), VariantSelector("c1", {"A": 60, "B": 40})
    moves = [(before.select(n), after.select(n)) for n in range(20_000)]
    assert ("A", "B") not in moves
    assert 0.09 < moves.count(("B", "A")) / len(moves) < 0.11


@pytest.mark.parametrize("weights", [{}, {"A": 0}, {"A": -1, "B": 5}])
def test_weights_that_are_no_shares_are_refused(weights: dict[str, int]) -> None:
    with pytest.raises(BadInput):
        shares(weights)
