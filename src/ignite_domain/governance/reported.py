"""`read_rates`: complaint rates from a CSV file, for ISPs that have no feedback loop.

Decides what a row means and what is refused. The columns, in any order and case: date, isp, domain, and either
complaint_rate (a share, 0.001, or with a percent sign, 0.1 %) or complaints and delivered.
"""

import csv
from collections.abc import Iterable
from datetime import date

import attrs

from ignite_domain.errors import BadInput
from ignite_domain.governance.accounting import Rejected
from ignite_domain.isps import Isp


@attrs.frozen
class ReportedRate:
    """`rate` is complaints per delivered message, 0 to 1; counts are there where the source gives them."""

    isp: Isp
    domain: str
    day: date
    rate: float
    complaints: int | None = None
    delivered: int | None = None


def read_rates(lines: Iterable[str]) -> tuple[list[ReportedRate], list[Rejected]]:
    """Every row as a rate or a refusal with its line. Raises `BadInput` if the header lacks what is needed."""
    rows = csv.reader(lines)
    header = [name.strip().lower().removeprefix("\ufeff") for name in next(rows, [])]
    lacking = [name for name in ("date", "isp", "domain") if name not in header]
    if not ("complaint_rate" in header or {"complaints", "delivered"} <= set(header)):
        lacking.append("complaint_rate (or complaints and delivered)")
    if lacking:
        raise BadInput(f"the header lacks {', '.join(lacking)}")
    found: list[ReportedRate] = []
    refused: list[Rejected] = []
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        try:
            found.append(_rate(row))
        except ValueError as wrong:
            refused.append(Rejected(rows.line_num, str(wrong)))
    return found, refused


def _rate(row: dict[str, str]) -> ReportedRate:
    """Raises ValueError saying what is wrong, without quoting it."""
    try:
        day = date.fromisoformat(row.get("date", ""))
    except ValueError:
        raise ValueError("date: must be written 2026-11-02") from None
    try:
        isp = Isp(row.get("isp", "").lower())
    except ValueError:
        raise ValueError(f"isp: must be one of {', '.join(isp.value for isp in Isp)}") from None
    domain = row.get("domain", "").lower().rstrip(".")
    if "." not in domain or "@" in domain or " " in domain:
        raise ValueError("domain: must be a sending domain")
    complaints, delivered = _count(row, "complaints"), _count(row, "delivered")
    written = row.get("complaint_rate", "")
    if written:
        rate = _share(written)
    elif complaints is None or not delivered:
        raise ValueError("neither complaint_rate nor complaints and delivered are given")
    else:
        rate = complaints / delivered
    if not 0 <= rate <= 1:
        raise ValueError("complaint_rate: must be between 0 and 1, or 0 % and 100 %")
    return ReportedRate(isp, domain, day, rate, complaints, delivered)


def _count(row: dict[str, str], name: str) -> int | None:
    text = row.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise ValueError(f"{name}: must be a whole number")
    return int(text)


def _share(text: str) -> float:
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise ValueError("complaint_rate: must be a number") from None
