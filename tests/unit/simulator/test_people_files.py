"""The seeded files: as many rows as asked for, everybody there, dirt included, the same for the same seed."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from ignite_app.simulator.people_files import MAILABLE, SUPPRESSION, WARMUP, seed_bucket
from ignite_domain.isps import Isp, isp_of

ENCODINGS = {MAILABLE: "utf-8-sig", WARMUP: "cp1252", SUPPRESSION: "utf-8"}


def rows(directory: Path, name: str) -> list[list[str]]:
    with (directory / name).open(encoding=ENCODINGS[name], newline="") as file:
        return list(csv.reader(file))[1:]


@pytest.mark.parametrize("count", [100, 2_000, 20_000])
def test_data_rows_add_up_to_what_was_asked_for(tmp_path: Path, count: int) -> None:
    seeded = seed_bucket(tmp_path, count, seed=3)
    assert sum(seeded.rows.values()) == count
    assert {name: len(rows(tmp_path, name)) for name in ENCODINGS} == seeded.rows


def test_all_eight_isps_and_a_third_elsewhere_with_dirt(tmp_path: Path) -> None:
    seed_bucket(tmp_path, 20_000, seed=1)
    people = rows(tmp_path, MAILABLE)
    isps = Counter(isp_of(row[0].rpartition("@")[2]) for row in people)
    elsewhere = {row[0].rpartition("@")[2].lower() for row in people} - {""}

    assert {isp for isp in isps if isp} == set(Isp)
    assert 0.28 < isps[None] / len(people) < 0.4
    assert len(elsewhere) > 300
    assert any(not row[0] for row in people)
    assert any(not row[0].isascii() for row in people)
    assert any(len(row) == 7 for row in people)
    assert any("," in row[3] for row in people)
    assert len(people) > len({row[0].strip().lower() for row in people})
    listed = rows(tmp_path, SUPPRESSION)
    hashes = sum(len(row[0]) == 32 and "@" not in row[0] for row in listed)
    assert 0.2 < hashes / len(listed) < 0.4


def test_the_same_seed_writes_the_same_bytes_and_another_one_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        seed_bucket(tmp_path / name, 500, seed)
    assert all((tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in ENCODINGS)
    assert (tmp_path / "a" / MAILABLE).read_bytes() != (tmp_path / "c" / MAILABLE).read_bytes()


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 100"):
        seed_bucket(tmp_path, 99, 1)
