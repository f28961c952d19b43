"""Where records end: quotes, line ends, chunks, damage."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_domain.imports.reading import RecordReader
from ignite_domain.imports.rows import Record


def read(data: bytes, size: int = 1 << 20, width: int = 2, **options: str) -> list[Record]:
    reader = RecordReader(options.get("encoding", "utf-8"), ",", options.get("newline", "\n"), width)
    parts = [data[i : i + size] for i in range(0, len(data), size)]
    return [r for part in parts for r in reader.feed(part)] + list(reader.finish())


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)


@given(st.lists(st.tuples(CELL, CELL), max_size=12), st.integers(1, 40))
def test_whatever_the_csv_module_writes_is_read_back_however_it_is_cut(rows: list[tuple[str, str]], size: int) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    data = out.getvalue().encode()
    records = read(data, size)
    assert [tuple(record.cells or ()) for record in records] == rows
    assert "".join(line for record in records for line in record.lines) == out.getvalue()
    assert [r.line for r in records[1:]] == [r.end + 1 for r in records[:-1]]


@given(st.binary(max_size=200), st.integers(1, 30), st.sampled_from(["utf-8", "utf-16-le", "cp1252"]))
def test_any_bytes_give_the_same_records_however_they_are_cut(data: bytes, size: int, encoding: str) -> None:
    assert read(data, size, encoding=encoding) == read(data, encoding=encoding)


def test_a_stray_quote_costs_one_line_and_not_its_neighbours() -> None:
    data = b'"Bob,b@x.example\n"Al,a@x.example\nAnn,c@x.example\n"Zed ""Z"" Z",z@x.example\n'
    cells = [record.cells for record in read(data)]
    assert cells == [None, None, ["Ann", "c@x.example"], ['Zed "Z" Z', "z@x.example"]]


def test_a_quote_that_never_closes_is_malformed_at_its_line() -> None:
    data = b"Ann,a@x.example\n" + b'"Bob,b@x.example\n' + b"Cy,c@x.example\n" * 1000
    records = read(data)
    assert [record.line for record in records if record.cells is None] == [2]
    assert len(records) == 1002
    assert read(b'"Bob,b@x.example')[0].cells is None


def test_a_cell_may_hold_a_line_break() -> None:
    (record,) = read(b'"1 High St\nYork",a@x.example\n')
    assert (record.line, record.end, record.cells) == (1, 2, ["1 High St\nYork", "a@x.example"])
    assert record.raw == '"1 High St\nYork",a@x.example'


def test_blank_lines_are_no_rows_and_keep_their_numbers() -> None:
    assert [r.line for r in read(b"\na,b\n\n\nc,d\n")] == [2, 5]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_all_line_ends_are_understood(ending: str) -> None:
    data = ending.join(["a,b", "c,d", ""]).encode()
    newline = "\r" if ending == "\r" else "\n"
    assert [r.cells for r in read(data, newline=newline)] == [["a", "b"], ["c", "d"]]


def test_a_line_in_another_encoding_is_read_as_windows_1252() -> None:
    data = "Zoë,z@x.example\n".encode() + "Jürgen,j@x.example\n".encode("cp1252")
    assert [r.cells for r in read(data)] == [["Zoë", "z@x.example"], ["Jürgen", "j@x.example"]]
