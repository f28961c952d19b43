"""Known people go through every worker, and none of the output names one of them, or a secret.

The run is the one of the numbered steps, logged at the lowest level, so that the libraries speak too. Runs in which
things fail are searched where they are made (kill matrix, outside failures).
"""

import json
from typing import TYPE_CHECKING

import pytest

from integration.exposure import Known, known, outputs

if TYPE_CHECKING:
    from integration.conftest import KeptRun


@pytest.fixture(scope="module")
def private(kept_run: "KeptRun") -> Known:
    return known(kept_run.root)


def test_no_output_holds_an_address_a_name_a_token_or_a_secret(kept_run: "KeptRun", private: Known) -> None:
    found = {
        name: private.shown_in(text) for name, text in {**outputs(kept_run.root), "terminal": kept_run.told}.items()
    }
    assert {name: shown for name, shown in found.items() if shown} == {}


def test_there_was_something_to_hide_and_somebody_to_talk(kept_run: "KeptRun", private: Known) -> None:
    people = kept_run.table("mailing_subscribers")
    assert {person["email"] for person in people if person["status"] != "suppressed"} <= private.texts
    assert len(private.words) > 2 * len(people)  # names, secrets and several tokens a letter
    lines = [json.loads(line) for line in outputs(kept_run.root)["workers.log"].splitlines()]
    assert {line["level"] for line in lines} >= {"debug", "info"}
    talked = {line["logger"] for line in lines if line["logger"].startswith("ignite.")}
    assert talked >= {f"ignite.{name}" for name in ("normalizer", "verifier", "campaign", "send", "flow", "execute")}


def test_the_search_finds_what_it_looks_for(private: Known) -> None:
    address = next(text for text in sorted(private.texts) if text.endswith("@gmail.com"))
    token = max(private.words, key=len)
    assert address in private.shown_in(f'{{"event":"mailed <{address.upper()}>"}}')
    assert private.shown_in(f"GET /t/c/{token} 302") == [token]
    name = next(word for word in sorted(private.words) if word.isalpha() and len(word) < 9)
    assert private.shown_in(f"Dear {name}.") == [name]
    assert private.shown_in("queue gmail.com/mta1 paused") == []
