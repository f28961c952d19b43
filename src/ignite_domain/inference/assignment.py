"""Who gets what, by hash: stable, independent between purposes and experiments, the same in SQL and Python."""

import hashlib
import unicodedata
from typing import Final

_SEPARATOR: Final = "\x1f"


def assignment_bucket(purpose: str, salt: str, subject: str, buckets: int = 1_000_000) -> dict[str, int]:
    """The bucket of `subject`, 0 <= bucket < buckets: the top 64 bits of SHA-256, scaled (experiments page).

    `purpose` keeps decisions apart that must not depend on each other (arm, wave, holdout); `salt` is the
    experiment; `subject` the immutable subscriber id. Texts are NFC, UTF-8.
    """
    text = unicodedata.normalize("NFC", _SEPARATOR.join((purpose, salt, subject)))
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return {"bucket": (number * buckets) >> 64}
