"""Names in the bucket: which objects are ours to import, and where they go. Contracts page, "Bucket"."""

from typing import Final

from ignite_domain.imports.rows import FileType

PROCESSED: Final = "processed/"
HELD: Final = "held/"
FAILED: Final = "failed/"
_OURS: Final = (PROCESSED, HELD, FAILED)
_TABLES: Final = (".csv", ".tsv", ".tab", ".txt")
_COMPRESSED: Final = (".gz", ".gzip")


def compressed_suffix(key: str) -> str:
    """Return the compression suffix that `key` carries, or ''."""
    for suffix in _COMPRESSED:
        if key.lower().endswith(suffix):
            return key[-len(suffix) :]
    return ""


def is_upload(key: str) -> bool:
    """True for objects that an upload may have left: text tables, plain or gzipped, outside our folders.

    Names that begin with a dot are uploads under way. Anything else in the bucket is not ours to touch.
    """
    if key.startswith(_OURS) or any(part.startswith(".") for part in key.split("/")):
        return False
    bare = key[: len(key) - len(compressed_suffix(key))].lower()
    return bare.endswith(_TABLES)


def processed_key(number: int, kind: FileType, original_key: str) -> str:
    """`processed/007-JVC-Mailable.csv`; the number grows past 999; `.gz` stays behind `.csv`."""
    return f"{PROCESSED}{number:03d}-JVC-{kind.value.capitalize()}.csv{compressed_suffix(original_key)}"


def rejects_key(number: int, kind: FileType) -> str:
    """`processed/007-JVC-Mailable.rejects.csv`, beside the file it belongs to, never compressed."""
    return f"{PROCESSED}{number:03d}-JVC-{kind.value.capitalize()}.rejects.csv"


def parked_key(folder: str, original_key: str, attempt: int = 0) -> str:
    """`held/<original key>` or `failed/<original key>`; `attempt` > 0 where that name is taken."""
    return f"{folder}{original_key}" + (f".{attempt}" if attempt else "")
