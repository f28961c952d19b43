"""The generated include file on the simulated host, and the verb that replaces it."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

import attrs

MAX_BYTES: Final = 4_000_000


@attrs.frozen
class IncludeFile:
    """`base` is the host's own configuration, which includes the file at `path` at its end."""

    base: str
    path: str

    def files(self) -> list[tuple[str, str]]:
        """(name, text) in reading order; a missing include file says nothing."""
        files = [("/etc/pmta/config", self.base)]
        place = Path(self.path)
        if place.is_file():
            files.append((self.path, place.read_text(encoding="utf-8", errors="replace")))
        return files


def put_include(path: Path, content: bytes) -> str:
    """Replace the file at once, or not at all; return the SHA-256 of what is there now, in hex.

    Raises ValueError, whose message may be shown, for content that cannot be a configuration file.
    """
    if not content or len(content) > MAX_BYTES:
        raise ValueError("ignite-put-include: empty or too large")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("ignite-put-include: not UTF-8") from None
    if "\0" in text:
        raise ValueError("ignite-put-include: not a text")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".include-", delete=False) as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    Path(out.name).replace(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()
