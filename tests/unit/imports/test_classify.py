"""What a file is for: names, headers, rows."""

import pytest

from ignite_domain.imports import Classifier, FileType

ROWS = [["a@x.example"], ["b@x.example"]]
M, S, W, H = FileType.MAILABLE, FileType.SUPPRESSION, FileType.WARMUP, FileType.HELD

NAMES = [
    ("list.csv", M),
    ("2024-01-JVC-Mailable.csv", M),
    ("customers_2026.csv.gz", M),
    ("inactive.csv", M),
    ("unengaged-q3.csv", M),
    ("not_engaged.csv", M),
    ("suppression-list-january.csv", S),
    ("SUPPRESSION.CSV", S),
    ("GlobalUnsubs.csv", S),
    ("opt-out.csv", S),
    ("doNotMail.csv", S),
    ("hard_bounces_2025.csv", S),
    ("complaints.csv", S),
    ("blacklist.txt", S),
    ("partner/suppression/2024-01.csv", S),
    ("Désabonnés.csv", S),
    ("warmup-data-high.csv", W),
    ("warm-up.csv", W),
    ("Seed list.csv", W),
    ("engaged_30d.csv", W),
    ("active/part1.csv", W),
    # contradictions
    ("mailable-minus-suppression.csv", H),
    ("bounces_removed.csv", H),
    ("non-bounced.csv", H),
    ("unsuppressed.csv", H),
    ("active_unsubscribed.csv", H),
    ("suppression/mailable.csv", H),
]


@pytest.mark.parametrize(("key", "kind"), NAMES)
def test_the_name_speaks_and_contradictions_are_held(key: str, kind: FileType) -> None:
    found = Classifier().classify(key, ["email"], ROWS)
    assert found.kind is kind
    assert found.reasons


MD5 = "d41d8cd98f00b204e9800998ecf8427e"
COLUMNS = [
    ("list.csv", ["email", "unsubscribed"], [["a@x.example", "0"], ["b@x.example", ""]], M),
    ("list.csv", ["email", "unsubscribed"], [["a@x.example", "0"], ["b@x.example", "1"]], H),
    ("list.csv", ["email", "unsubscribed_at"], [["a@x.example", ""], ["b@x.example", "2024-05-01"]], H),
    ("list.csv", ["email", "Status"], [["a@x.example", "Subscribed"], ["b@x.example", "Unsubscribed"]], H),
    ("list.csv", ["email", "Status"], [["a@x.example", "Gold"], ["b@x.example", "Silver"]], M),
    ("list.csv", ["email", "Accepts Marketing"], [["a@x.example", "yes"], ["b@x.example", "no"]], H),
    ("list.csv", ["email", "Abgemeldet"], [["a@x.example", "nein"], ["b@x.example", "ja"]], H),
    ("list.csv", ["email", "bounce_type"], [["a@x.example", "hard"], ["b@x.example", "soft"]], S),
    ("export.csv", ["rcpt", "bounceCat"], [["a@x.example", "bad-mailbox"]], S),
    ("mailable.csv", ["email", "bounce_type"], [["a@x.example", "hard"]], H),
    ("suppression.csv", ["email", "status"], [["a@x.example", "unsubscribed"], ["b@x.example", "bounced"]], S),
    ("suppression.csv", ["email", "status"], [["a@x.example", "unsubscribed"], ["b@x.example", "active"]], H),
    ("list.csv", ["email", "suppress_reason"], [], S),
    ("list.csv", ["md5"], [[MD5]], S),
    ("list.csv", None, [[MD5]], S),
    ("mailable.csv", ["md5"], [[MD5]], H),
    ("list.csv", None, [["a@x.example", "Ann"]], M),
    ("list.csv", ["id", "colour"], [["1", "red"]], H),  # no address column: the normalizer files it as failed
    ("list.csv", ["id", "Adresse", "Courriel"], [["1", "1 rue X", "a@x.example"]], M),
    # an activity column is not a word about consent
    ("list.csv", ["email", "active", "activebool"], [["a@x.example", "0", "t"], ["b@x.example", "1", "t"]], M),
]


@pytest.mark.parametrize(("key", "header", "rows", "kind"), COLUMNS)
def test_columns_that_say_that_people_left_are_heard(
    key: str, header: list[str] | None, rows: list[list[str]], kind: FileType
) -> None:
    assert Classifier().classify(key, header, rows).kind is kind


def test_a_single_row_at_the_very_end_is_heard() -> None:
    rows = ([f"p{n}@x.example", "subscribed" if n < 50_000 else "unsubscribed"] for n in range(50_001))
    assert Classifier().classify("list.csv", ["email", "status"], rows).kind is H
