"""What a file is for: mailable, suppression, warm-up, or held because a person must look.

Decides from the name of the object, the header, and what the rows say. A wrong guess costs either a
thousand mails to people who left or a thousand people lost, so that whatever contradicts itself is held.
A plain name without any hint is mailable (contracts page, FileType).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import attrs

from ignite_domain.imports import headers
from ignite_domain.imports.layout import SAMPLE, Columns, is_header, read_columns
from ignite_domain.imports.rows import FileFault, FileType

_WORD: Final = re.compile(r"[^\W\d_]+")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_SUPPRESSION: Final = frozenset(
    "suppress suppressed suppression suppressions suppressionlist unsub unsubs unsubscribe unsubscribes "
    "unsubscribed unsubscriber unsubscribers optout optouts bounce bounces bounced hardbounce hardbounces "
    "complaint complaints complainer complainers fbl blacklist blacklisted blocklist blocklisted block blocked "
    "blocks dnc dne donotmail donotemail donotcontact abmeldungen abgemeldet abgemeldete desabonnes "
    "desabonnement bajas disiscritti afmeldingen descadastrados отписки отписавшиеся".split()
)
_WARMUP: Final = frozenset(
    "warmup warmups warm seed seeds seedlist engaged active actives premium openers clickers".split()
)
_MAILABLE: Final = frozenset("mailable mailables deliverable optin optins subscribed".split())
_PAIRS: Final = {
    ("opt", "out"): "optout",
    ("opt", "outs"): "optouts",
    ("opt", "in"): "optin",
    ("warm", "up"): "warmup",
    ("black", "list"): "blacklist",
    ("block", "list"): "blocklist",
    ("hard", "bounce"): "hardbounce",
    ("hard", "bounces"): "hardbounces",
    ("not", "mail"): "donotmail",
    ("not", "email"): "donotemail",
    ("not", "contact"): "donotcontact",
    ("un", "subscribed"): "unsubscribed",
}
_NEGATES: Final = frozenset(
    "non not no without minus except excl excluding ex un w/o after post pre before clean cleaned ohne sans sin "
    "senza".split()
)
_UNDOES: Final = frozenset("removed cleaned scrubbed excluded free applied filtered deleted".split())
_UNDONE: Final = frozenset("unsuppressed nonsuppressed unblocked unbounced nonbounced unbounce".split())


@attrs.frozen
class Classification:
    """`reasons` say what spoke, most telling first: `name: bounces`, `column: unsubscribed (3 of 10)`."""

    kind: FileType
    reasons: tuple[str, ...]


@attrs.frozen
class Hint:
    """What a name says. `doubt` is the word that makes it unclear."""

    kind: FileType | None = None
    word: str = ""
    doubt: str = ""


def words_of(text: str) -> list[str]:
    """Split part of a key into folded words; camel case counts as a boundary, pairs become one word."""
    parts = [headers.fold(word) for word in _WORD.findall(_CAMEL.sub(" ", unicodedata.normalize("NFC", text)))]
    words: list[str] = []
    skip = False
    for left, right in pairwise([*parts, ""]):
        if skip:
            skip = False
            continue
        joined = _PAIRS.get((left, right))
        words.append(joined or left)
        skip = joined is not None
    return words


def _hint(words: Sequence[str]) -> Hint:
    against = [i for i, word in enumerate(words) if word in _SUPPRESSION]
    for i in against:
        before = words[i - 1] if i else ""
        after = words[i + 1] if i + 1 < len(words) else ""
        if before in _NEGATES or after in _UNDOES:
            return Hint(FileType.SUPPRESSION, words[i], before if before in _NEGATES else after)
    for word in words:
        if word in _UNDONE:
            return Hint(FileType.MAILABLE, word, word)
    young = [w for i, w in enumerate(words) if w in _WARMUP and not (i and words[i - 1] in _NEGATES)]
    good = [w for i, w in enumerate(words) if w in _MAILABLE and not (i and words[i - 1] in _NEGATES)]
    if against:
        return Hint(FileType.SUPPRESSION, words[against[0]], (young + good + [""])[0])
    if young:
        return Hint(FileType.WARMUP, young[0])
    return Hint(FileType.MAILABLE, good[0]) if good else Hint()


def name_hint(key: str) -> Hint:
    """Read the name of an object: the file name speaks, its folders only if it says nothing or disagrees."""
    *folders, name = key.split("/")
    stem = name.split(".")[0] if not name.startswith(".") else name
    own = _hint(words_of(stem))
    around = _hint([word for folder in folders for word in words_of(folder)])
    if own.kind is None:
        return around
    if around.kind is not None and not own.doubt and FileType.SUPPRESSION in (own.kind, around.kind):
        return own if own.kind is around.kind else attrs.evolve(own, doubt=around.word)
    return own


class Survey:
    """Counts what the rows of a file say about leaving. Feed all rows if `needed`, else a sample will do."""

    def __init__(self, columns: Columns) -> None:
        folded = [headers.fold(name) for name in columns.header]
        self._status = [i for i, name in enumerate(folded) if name in headers.STATUS]
        self._no = [i for i, name in enumerate(folded) if name in headers.SAYS_NO]
        self._yes = [i for i, name in enumerate(folded) if name in headers.SAYS_YES]
        self._names = columns.names
        self.columns = columns
        self.rows = 0
        self.left = 0
        self.stayed = 0
        self.column = next((columns.names[i] for i in self._no), "")

    @property
    def needed(self) -> bool:
        """True if a row anywhere in the file could say that someone left."""
        return bool(self._status or self._no or self._yes)

    @property
    def names_a_reason(self) -> bool:
        return bool(self._no)

    def see(self, cells: Sequence[str]) -> None:
        self.rows += 1
        if not self.needed:
            return
        said = self._says(cells)
        self.left += said is False
        self.stayed += said is True

    def _says(self, cells: Sequence[str]) -> bool | None:
        """False: left; True: stayed; None: nothing."""
        stayed = None
        for i in self._no:
            if i < len(cells) and headers.fold(cells[i]) not in headers.FALSY:
                self.column = self._names[i]
                return False
        for i in self._yes:
            if i < len(cells) and cells[i].strip():
                if headers.fold(cells[i]) in headers.FALSY:
                    self.column = self._names[i]
                    return False
                stayed = True
        for i in self._status:
            word = headers.fold(cells[i]) if i < len(cells) else ""
            if word in headers.NO_WORDS:
                self.column = self._names[i]
                return False
            stayed = True if word in headers.YES_WORDS else stayed
        return stayed


class Classifier:
    """Says what a file is for."""

    def classify(self, key: str, header: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> Classification:
        """`key`: the object's name in the bucket. `header`: None or empty if the file has none.

        `rows`: data rows, all of them or a sample; the first ones show which columns hold addresses. A file
        without address column is `held` here, with the fault as reason; the normalizer files it as failed.
        """
        given = [] if not header else list(header)
        source = iter(rows)
        sample = [row for row, _ in zip(source, range(SAMPLE), strict=False)]
        if given and not is_header(given):
            sample, given = [given, *sample], []
        columns = read_columns(given, sample)
        if columns.address is None and columns.digest is None:
            fault = FileFault.NO_ADDRESS_COLUMN if given or sample else FileFault.EMPTY
            return Classification(FileType.HELD, (fault.value,))
        survey = Survey(columns)
        for part in (sample, source):
            for row in part:
                survey.see(row)
        return self.decide(key, survey)

    def decide(self, key: str, survey: Survey) -> Classification:
        """The same from a survey of the rows."""
        hint = name_hint(key)
        reasons: list[str] = [f"name: {hint.word}"] if hint.word else []
        only_hashes = survey.columns.address is None
        if only_hashes:
            reasons.append("column: MD5 hashes only")
        if survey.left:
            reasons.append(f"column: {survey.column} ({survey.left} of {survey.rows} rows left)")
        elif not survey.rows and survey.names_a_reason:
            reasons.append(f"column: {survey.column}")
        if hint.doubt:
            return Classification(FileType.HELD, (f"name: {hint.word} beside {hint.doubt}", *reasons[1:]))
        everyone_left = survey.left == survey.rows if survey.rows else survey.names_a_reason
        if hint.kind is FileType.SUPPRESSION:
            held = survey.stayed > 0
            if held:
                reasons.append(f"rows: {survey.stayed} of {survey.rows} stayed")
            return Classification(FileType.HELD if held else FileType.SUPPRESSION, tuple(reasons))
        if only_hashes or (everyone_left and (survey.left or not survey.rows)):
            kind = FileType.SUPPRESSION if hint.kind is None else FileType.HELD
            return Classification(kind, tuple(reasons))
        if survey.left:
            return Classification(FileType.HELD, tuple(reasons))
        if hint.kind is not None:
            return Classification(hint.kind, tuple(reasons))
        return Classification(FileType.MAILABLE, ("name: no hint",))
