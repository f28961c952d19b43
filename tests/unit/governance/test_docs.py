"""The page about governance shows the table that agents walk."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def test_the_rule_table_in_the_page_is_the_one_in_force() -> None:
    written = runpy.run_path(str(DOCS / "governance_rules.py"))
    page = (DOCS / "governance.md").read_text(encoding="utf-8")
    assert written["rewritten"](page) == page, "run docs/governance_rules.py"
