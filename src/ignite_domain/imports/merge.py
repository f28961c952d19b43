"""What rows do to people already known: last non-empty value wins, one word per row. Pure.

A repeated address in one file is `inserted` once; its later rows are `updated` if they changed what is
stored, else `unchanged` (contracts page, FileType).
"""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import attrs

from ignite_domain.imports.rows import PersonRow, Tally


@attrs.define
class Known:
    """What is stored about a person. `id` None: not stored yet. `touched`: differs from what is stored."""

    id: int | None
    first_name: str
    last_name: str
    attributes: dict[str, Any]
    from_warmup_file: bool
    touched: bool = False

    def take(self, row: PersonRow, *, warmup: bool) -> bool:
        """Take over the row's non-empty values; True if that changed anything."""
        before = (self.first_name, self.last_name, self.from_warmup_file)
        self.first_name = row.first_name or self.first_name
        self.last_name = row.last_name or self.last_name
        self.from_warmup_file = self.from_warmup_file or warmup
        changed = before != (self.first_name, self.last_name, self.from_warmup_file)
        for name, value in row.attributes.items():
            if self.attributes.get(name) != value:
                self.attributes[name] = value
                changed = True
        self.touched = self.touched or changed
        return changed


def fold_people(known: MutableMapping[str, Known], rows: Iterable[PersonRow], *, warmup: bool) -> Tally:
    """Apply rows in file order to `known` (by canonical address), which gains the new people."""
    inserted = updated = unchanged = 0
    for row in rows:
        person = known.get(row.email)
        if person is None:
            known[row.email] = Known(None, row.first_name, row.last_name, dict(row.attributes), warmup, touched=True)
            inserted += 1
        elif person.take(row, warmup=warmup):
            updated += 1
        else:
            unchanged += 1
    return Tally(inserted, updated, unchanged)


def tally_suppressions(md5s: Iterable[str], entries: Mapping[str, bool]) -> Tally:
    """Count rows of a suppression file. `entries`: hash -> True if new, False if changed; absent: as it was."""
    inserted = updated = unchanged = 0
    seen: set[str] = set()
    for md5 in md5s:
        if md5 in seen or md5 not in entries:
            unchanged += 1
        elif entries[md5]:
            inserted += 1
        else:
            updated += 1
        seen.add(md5)
    return Tally(inserted, updated, unchanged)
