"""Files that nobody here wrote, against the labels of their README."""

from pathlib import Path

import pytest

from ignite_domain.imports import Classifier, FileType, PersonRow, Rejection, RowReader, read_layout
from ignite_domain.imports.normalize import RowNormalizer

pytestmark = pytest.mark.foreign_data
LABELS = [
    ("sakila-customers.csv", "email", 599, 599, []),
    ("chinook-customers.csv", "Email", 59, 58, ["smtputf8"]),
]


@pytest.mark.parametrize(("name", "column", "rows", "distinct", "rejected"), LABELS)
def test_a_published_file_reads_as_its_labels_say(
    foreign_fixtures: Path, name: str, column: str, rows: int, distinct: int, rejected: list[str]
) -> None:
    data = (foreign_fixtures / "subscribers" / name).read_bytes()
    layout = read_layout(data, whole=True)
    assert layout.columns.key_column == column
    reader = RowReader(layout)
    records = [*reader.feed(data), *reader.finish()]
    assert len(records) == rows
    normalizer = RowNormalizer(layout.columns)
    judged = [normalizer.person(record) for record in records]
    assert [bad.reason for bad in judged if isinstance(bad, Rejection)] == rejected
    assert len({row.email for row in judged if isinstance(row, PersonRow)}) == distinct
    cells = [record.cells or [] for record in records]
    assert Classifier().classify(name, layout.columns.header, cells).kind is FileType.MAILABLE


def test_names_and_postal_codes_arrive_as_they_were_written(foreign_fixtures: Path) -> None:
    data = (foreign_fixtures / "subscribers" / "chinook-customers.csv").read_bytes()
    layout = read_layout(data, whole=True)
    reader = RowReader(layout)
    normalizer = RowNormalizer(layout.columns)
    people = [normalizer.person(record) for record in (*reader.feed(data), *reader.finish())]
    first, third = people[0], people[2]
    assert isinstance(first, PersonRow)
    assert isinstance(third, PersonRow)
    assert (first.first_name, first.last_name, first.attributes["PostalCode"]) == ("Luís", "Gonçalves", "12227-000")
    assert (third.first_name, third.attributes["PostalCode"]) == ("François", "H2G 1A7")
    assert first.attributes["Address"] == "Av. Brigadeiro Faria Lima, 2170"
