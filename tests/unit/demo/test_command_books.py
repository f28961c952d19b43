"""Which command rows account for which lines of the MTA host's log. All counts by hand."""

from collections import Counter

import pytest

from ignite_app.demo.reconcile import rows_by_verb

RELOAD = ("pmta --json reload", "")
PAUSE = ("pmta --json pause queue gmail.com/mta1", "")
PUT = ("ignite-put-include", "ab12")
OTHER_PUT = ("ignite-put-include", "cd34")

CASES = [
    ("every line has its answered row", {RELOAD: 2}, {RELOAD: 2}, {}, {"reload": [2, 2]}),
    ("a line without a row is seen", {PAUSE: 1}, {}, {}, {"pause": [1, 0]}),
    ("an answered row without a line is seen", {}, {PAUSE: 1}, {}, {"pause": [0, 1]}),
    ("a lost answer accounts for the line that arrived", {RELOAD: 2}, {RELOAD: 1}, {RELOAD: 1}, {"reload": [2, 2]}),
    (
        "a lost answer whose line never arrived counts nothing",
        {RELOAD: 1},
        {RELOAD: 1},
        {RELOAD: 1},
        {"reload": [1, 1]},
    ),
    ("a lost answer cannot account for another file", {PUT: 1}, {}, {OTHER_PUT: 1}, {"ignite-put-include": [1, 0]}),
    (
        "surplus of one command does not hide a lack of another",
        {PUT: 1, OTHER_PUT: 1},
        {PUT: 1},
        {PUT: 1},
        {"ignite-put-include": [2, 1]},
    ),
]


@pytest.mark.parametrize(("name", "lines", "answered", "unanswered", "expected"), CASES, ids=[row[0] for row in CASES])
def test_lines_and_rows_are_matched_command_by_command(
    name: str,
    lines: dict[tuple[str, str], int],
    answered: dict[tuple[str, str], int],
    unanswered: dict[tuple[str, str], int],
    expected: dict[str, list[int]],
) -> None:
    assert rows_by_verb(Counter(lines), Counter(answered), Counter(unanswered)) == expected


NOTHING, HALF = ("ignite-put-include", ""), ("ignite-put-include", "9999")
CUT = [
    ("what arrived of an upload that was cut off is its row's", {HALF: 1}, {}, {PUT: 1}, {HALF: 1}, [1, 1]),
    ("also if nothing of it arrived but its name", {PUT: 2, NOTHING: 1}, {PUT: 2}, {PUT: 1}, {NOTHING: 1}, [3, 3]),
    ("a row accounts for one line only", {HALF: 1, NOTHING: 1}, {}, {PUT: 1}, {HALF: 1, NOTHING: 1}, [2, 1]),
    ("not if its own line is there", {PUT: 1, HALF: 1}, {}, {PUT: 1}, {HALF: 1}, [2, 1]),
    ("a file that the host took is no piece of another", {HALF: 1}, {}, {PUT: 1}, {}, [1, 0]),
    ("a refused file with a row and an answer is that row's", {PUT: 1}, {PUT: 1}, {OTHER_PUT: 1}, {PUT: 1}, [1, 1]),
]


@pytest.mark.parametrize(("name", "lines", "answered", "unanswered", "refused", "pair"), CUT, ids=[r[0] for r in CUT])
def test_a_worker_that_dies_while_it_uploads_leaves_books_that_agree(
    name: str,
    lines: dict[tuple[str, str], int],
    answered: dict[tuple[str, str], int],
    unanswered: dict[tuple[str, str], int],
    refused: dict[tuple[str, str], int],
    pair: list[int],
) -> None:
    by = rows_by_verb(Counter(lines), Counter(answered), Counter(unanswered), Counter(refused))
    assert by == {"ignite-put-include": pair}
