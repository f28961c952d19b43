"""Seeds a bucket with what a marketing team would upload: three CSV files, clean for the most part.

Decides who is on the lists. Everybody is invented; the domains of the eight brands are real names, and a
simulated run never leaves the loopback. Dirty rows: no address, no syntax, non-ASCII local parts, too many
columns, repeats, misspelt domains, quoted commas; a BOM, or Windows-1252 in the warm-up file.
"""

import csv
import io
from pathlib import Path
from typing import Final

import attrs

from ignite_app.simulator.dice import Dice, address_md5

_FIRST: Final = (
    "Ada Alan Alma Amir Ana Andre Anika Arlo Asha Beatriz Ben Bianca Bruno Carla Chen Clara Dana David Diego Dina "
    "Elena Elias Emil Erin Eva Farid Felix Fiona Frida Gina Greta Hana Hugo Ida Igor Ines Iris Ivan Jana Joel Jonas "
    "Julia Kai Karim Lara Lena Leo Lina Luca Maja Marco Maria Maya Milan Mina Nadia Nils Nora Olga Omar Oscar Paula "
    "Pia Priya Rafael Rita Rosa Ruben Sara Sofia Tara Theo Tom Uma Vera Viktor Wei Yara Yusuf Zoe"
).split()
_LAST: Final = (
    "Abbott Ahmed Almeida Andersen Baker Bauer Becker Berg Brandt Brooks Burns Castro Chavez Cohen Costa Cruz Dietz "
    "Doyle Duarte Ellis Engel Farrow Fischer Flores Frank Garcia Gomez Grant Haas Hansen Hart Hayes Holt Ibrahim "
    "Jansen Jordan Kaur Keller Khan Klein Kovacs Kumar Lang Larsen Lopez Lund Maier Marsh Meyer Moreau Moss Nguyen "
    "Novak Olsen Ortiz Park Patel Perez Pohl Price Quinn Ramos Reyes Rossi Santos Schmitt Silva Singh Stone Suarez "
    "Tanaka Torres Vargas Vogel Wagner Walsh Weber West Yilmaz Young Zhang Ziegler"
).split()
_ACCENTED: Final = (("José", "Núñez"), ("Zoë", "Müller"), ("Renée", "Dufour"), ("Søren", "Ørsted"), ("Ana", "Peña"))
_CITIES: Final = (
    "Austin",
    "Boise",
    "Chicago, IL",
    "Denver",
    "El Paso",
    "Fargo",
    "Houston",
    "Miami, FL",
    "Omaha",
    "Portland",
    "Reno",
    "Salem, OR",
    "Tampa",
    "Tulsa",
)
_SOURCES: Final = ("checkout", "newsletter", "sweepstakes", "referral", "landing page")
BRANDS: Final = (
    ("gmail.com", 0.22),
    ("googlemail.com", 0.01),
    ("yahoo.com", 0.065),
    ("aol.com", 0.025),
    ("ymail.com", 0.01),
    ("verizon.net", 0.01),
    ("outlook.com", 0.05),
    ("hotmail.com", 0.05),
    ("live.com", 0.01),
    ("msn.com", 0.01),
    ("icloud.com", 0.045),
    ("me.com", 0.01),
    ("mac.com", 0.005),
    ("comcast.net", 0.04),
    ("att.net", 0.02),
    ("sbcglobal.net", 0.015),
    ("bellsouth.net", 0.005),
    ("cox.net", 0.02),
    ("charter.net", 0.02),
    ("spectrum.net", 0.01),
)
"""Domains of the eight brands and their shares of a list; the rest, about a third, is elsewhere."""
_MISSPELT: Final = ("gmial.com", "gmai.com", "hotmial.com", "yahooo.com", "outlok.com")
_HEADS: Final = (
    "amber birch blue bright brook cedar city clear coast coral crest crown delta eagle east elm ever fair fern field "
    "first fox glen gold grand green harbor hazel high hill iron ivy jade lake light lunar maple mesa mill moon north "
    "oak ocean olive opal park pine prime quartz rapid red ridge river rose silver sky smart south star stone summit "
    "sun swift terra tide true union vale vista west wild wind"
).split()
_TAILS: Final = (
    "works labs foods group health legal media motors books supply design systems craft dental tools homes logistics "
    "partners school studio trading travel energy farms bank"
).split()
_ENDINGS: Final = ("com", "com", "com", "net", "org", "co.uk", "de", "io", "us", "ca")

MAILABLE: Final = "jvc-mailable-november.csv"
WARMUP: Final = "jvc-warmup-openers.csv"
SUPPRESSION: Final = "jvc-suppression-list.csv"


@attrs.frozen
class SeededFiles:
    """Data rows by file, dirty ones included; they add up to what was asked for."""

    rows: dict[str, int]

    def __str__(self) -> str:
        return f"{sum(self.rows.values()):,}"


@attrs.frozen
class Person:
    email: str
    first: str
    last: str
    city: str


def elsewhere(dice: Dice, count: int) -> list[str]:
    """`count` different invented domains."""
    names: dict[str, None] = {}
    number = 0
    while len(names) < count:
        head, tail = dice.pick(_HEADS, "head", number), dice.pick(_TAILS, "tail", number)
        names[f"{head}{tail}.{dice.pick(_ENDINGS, 'ending', number)}"] = None
        number += 1
    return list(names)


def _domain(dice: Dice, number: int, others: list[str]) -> str:
    roll = dice.unit("brand", number)
    for name, share in BRANDS:
        if roll < share:
            return name
        roll -= share
    return others[int(dice.unit("elsewhere", number) ** 1.6 * len(others))]  # some companies have more staff


def person(dice: Dice, number: int, others: list[str]) -> Person:
    """The `number`-th inhabitant; addresses of two numbers differ."""
    first, last = dice.pick(_FIRST, "first", number), dice.pick(_LAST, "last", number)
    form = dice.pick(("{0}.{1}{2}", "{0}{1}{2}", "{0}_{1}{2}", "{0}{2}"), "form", number)
    local = form.format(first.lower(), last.lower(), number)
    if dice.chance(0.02, "accents", number):
        first, last = dice.pick(_ACCENTED, "accented", number)
    domain = _domain(dice, number, others)
    if dice.chance(0.004, "misspelt", number):
        domain = dice.pick(_MISSPELT, "misspelling", number)
    return Person(f"{local}@{domain}", first, last, dice.pick(_CITIES, "city", number))


def _dirty(dice: Dice, number: int, who: Person) -> Person | None:
    """The same row as a careless hand would have typed it; None: it is clean."""
    roll = dice.unit("dirt", number)
    for edge, email in (
        (0.004, ""),
        (0.007, who.email.replace("@", " at ")),
        (0.009, who.email.replace("@", "@@")),
        (0.010, who.email.rpartition("@")[0] + "@"),
        (0.012, "mañana" + who.email),  # an address only where SMTPUTF8 is spoken
    ):
        if roll < edge:
            return attrs.evolve(who, email=email)
    if roll < 0.040:
        local, _, domain = who.email.partition("@")
        return attrs.evolve(who, email=f" {local.title()}@{domain.upper()}")  # a good address all the same
    return None


def seed_bucket(directory: Path, subscribers: int, seed: int) -> SeededFiles:
    """Write the three files into `directory`, `subscribers` data rows together. Raises ValueError below 100."""
    if subscribers < 100:
        raise ValueError("at least 100 rows")
    directory.mkdir(parents=True, exist_ok=True)
    dice = Dice(seed)
    others = elsewhere(dice, max(150, min(900, subscribers // 20)))
    listed = max(4, subscribers // 25)
    warm = max(10, subscribers * 8 // 100)
    mailable = subscribers - listed - warm
    encoding = "utf-8-sig" if dice.chance(0.5, "bom") else "utf-8"
    _write(directory / MAILABLE, _mailable(dice, mailable, others), encoding)
    _write(directory / WARMUP, _warmup(dice, mailable, warm, others), "cp1252")
    _write(directory / SUPPRESSION, _suppression(dice, mailable, listed, others), "utf-8")
    return SeededFiles({MAILABLE: mailable, WARMUP: warm, SUPPRESSION: listed})


def _mailable(dice: Dice, count: int, others: list[str]) -> list[list[str]]:
    rows = [["Email Address", "First Name", "Last Name", "City", "Zip", "Source"]]
    for number in range(count):
        who = person(dice, number, others)
        if number > 20 and dice.chance(0.01, "repeat", number):
            who = person(dice, int(dice.unit("repeated", number) * (number - 1)), others)
        else:
            who = _dirty(dice, number, who) or who
        zip_code = f"{int(dice.unit('zip', number) * 100_000):05d}"
        row = [who.email, who.first, who.last, who.city, zip_code, dice.pick(_SOURCES, "source", number)]
        if dice.chance(0.003, "too many cells", number):
            row.append("stray cell")
        rows.append(row)
    return rows


def _warmup(dice: Dice, mailable: int, count: int, others: list[str]) -> list[list[str]]:
    """People who opened lately; a few of them stand in the mailable file too."""
    rows = [["email", "first_name", "last_name", "last_open"]]
    for place in range(count):
        known = dice.chance(0.05, "known warm", place)
        number = int(dice.unit("which warm", place) * mailable) if known else 10_000_000 + place
        who = person(dice, number, others)
        rows.append([who.email, who.first, who.last, f"2026-10-{1 + int(dice.unit('open day', place) * 31):02d}"])
    return rows


def _suppression(dice: Dice, mailable: int, count: int, others: list[str]) -> list[list[str]]:
    """Addresses that must not be mailed, some as MD5; two thirds of them are on the mailable list."""
    rows = [["email", "date"]]
    for place in range(count):
        known = dice.chance(0.66, "known listed", place)
        number = int(dice.unit("which listed", place) * mailable) if known else 20_000_000 + place
        address = person(dice, number, others).email
        shown = address_md5(address) if dice.chance(0.3, "as md5", place) else address
        rows.append([shown, f"2026-0{1 + int(dice.unit('day', place) * 9)}-15"])
    return rows


def _write(path: Path, rows: list[list[str]], encoding: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    draft = path.with_name(f".{path.name}.part")
    draft.write_bytes(text.getvalue().encode(encoding, "replace"))
    draft.replace(path)
