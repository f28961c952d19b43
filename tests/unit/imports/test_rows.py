"""Rows in, people or rejections out; and what rows do to people already known."""

import pytest

from ignite_domain.imports import PersonRow, Record, Rejection, Tally, read_columns
from ignite_domain.imports.merge import Known, fold_people, tally_suppressions
from ignite_domain.imports.naming import is_upload, parked_key, processed_key, rejects_key
from ignite_domain.imports.normalize import RowNormalizer
from ignite_domain.imports.rows import FileType
from ignite_domain.subscribers import hash_of

HEADER = ["email", "first name", "city"]
MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def record(*cells: str) -> Record:
    return Record(7, 7, list(cells), (",".join(cells) + "\r\n",))


NORMALIZE = [
    (("A@X.example", " Ann ", "York"), PersonRow("a@x.example", "Ann", "", {"city": "York"})),
    (("a@x.example",), PersonRow("a@x.example", "", "", {})),
    (("a@x.example", "MARY", "", "", ""), PersonRow("a@x.example", "MARY", "", {})),
    (("a@x.example", "An\0n", ""), PersonRow("a@x.example", "Ann", "", {})),
    (("", "Ann", "York"), "no_address"),
    (("ann", "Ann", "York"), "syntax"),
    (("a@x", "Ann", "York"), "domain_syntax"),
    (("ä@x.example", "Ann", "York"), "smtputf8"),
    (("a@x.example", "Lee", "Ann", "York"), "columns"),
    (tuple(HEADER), "repeated_header"),
]


@pytest.mark.parametrize(("cells", "expected"), NORMALIZE)
def test_a_row_becomes_a_person_or_a_rejection_with_its_reason(
    cells: tuple[str, ...], expected: PersonRow | str
) -> None:
    normalizer = RowNormalizer(read_columns(HEADER, [["b@x.example", "Bo", "Rome"]]))
    if isinstance(expected, str):
        expected = Rejection(7, expected, ",".join(cells))
    assert normalizer.person(record(*cells)) == expected


def test_a_malformed_record_is_rejected_with_its_text() -> None:
    normalizer = RowNormalizer(read_columns(HEADER, [["b@x.example", "Bo", "Rome"]]))
    assert normalizer.person(Record(3, 3, None, ('"oops\n',))) == Rejection(3, "malformed", '"oops')


def test_suppression_rows_are_hashes_of_addresses_or_hashes_as_they_stand() -> None:
    both = RowNormalizer(read_columns(["email", "md5"], [["b@x.example", ""], ["", MD5]]))
    assert both.suppression(record("B@X.example", "")) == hash_of("b@x.example")
    assert both.suppression(record("", MD5.upper())) == MD5
    assert both.suppression(record(MD5, "")) == MD5
    assert both.suppression(record("", "")) == Rejection(7, "no_address", ",")
    only = RowNormalizer(read_columns(["md5"], [[MD5]]))
    assert only.suppression(record("nonsense")) == Rejection(7, "not_a_hash", "nonsense")


def test_the_last_non_empty_value_wins_and_each_row_gets_one_word() -> None:
    known = {"old@x.example": Known(4, "Old", "Name", {"city": "York"}, False)}
    rows = [
        PersonRow("new@x.example", "", "", {}),
        PersonRow("new@x.example", "Ann", "", {"city": "Rome"}),
        PersonRow("new@x.example", "", "", {"city": "Rome"}),
        PersonRow("old@x.example", "", "", {}),
        PersonRow("old@x.example", "", "Other", {}),
        PersonRow("old@x.example", "Old", "", {"city": "Bath"}),
    ]
    assert fold_people(known, rows, warmup=False) == Tally(inserted=1, updated=3, unchanged=2)
    assert known["new@x.example"] == Known(None, "Ann", "", {"city": "Rome"}, False, touched=True)
    assert known["old@x.example"] == Known(4, "Old", "Other", {"city": "Bath"}, False, touched=True)


def test_standing_in_a_warm_up_file_is_a_change_once_and_never_undone() -> None:
    known = {"a@x.example": Known(1, "", "", {}, False)}
    row = PersonRow("a@x.example", "", "", {})
    assert fold_people(known, [row, row], warmup=True) == Tally(0, 1, 1)
    assert fold_people(known, [row], warmup=False) == Tally(0, 0, 1)
    assert known["a@x.example"].from_warmup_file


def test_suppression_rows_are_counted_with_the_same_words() -> None:
    assert tally_suppressions(["a", "b", "a", "c"], {"a": True, "b": False}) == Tally(1, 1, 2)


def test_names_in_the_bucket_follow_the_contract() -> None:
    assert processed_key(1, FileType.MAILABLE, "x.csv") == "processed/001-JVC-Mailable.csv"
    assert processed_key(1234, FileType.WARMUP, "d/x.CSV.gz") == "processed/1234-JVC-Warmup.csv.gz"
    assert rejects_key(42, FileType.SUPPRESSION) == "processed/042-JVC-Suppression.rejects.csv"
    assert parked_key("held/", "d/x.csv") == "held/d/x.csv"
    keys = ["a.csv", "d/b.TSV", "c.txt.gz", "processed/001-JVC-Mailable.csv", "held/x.csv", "failed/y.csv"]
    keys += [".a.csv.part", "d/.tmp/x.csv", "readme.md", "photo.png"]
    assert [key for key in keys if is_upload(key)] == ["a.csv", "d/b.TSV", "c.txt.gz"]
