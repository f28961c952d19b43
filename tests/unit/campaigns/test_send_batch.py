"""What a batch's results mean for the ledger."""

import pytest

from ignite_domain.campaigns.ports import Injection, InjectionResult, Settled
from ignite_domain.campaigns.send_batch import settle

R = InjectionResult
OK, DOUBT = (R.ACCEPTED, 250, "body"), (R.IN_DOUBT, 0, "body")
LATER, DOWN = (R.REFUSED_TEMP, 451, "body"), (R.REFUSED_TEMP, 0, "connect")
NO_PERSON, NO_SENDER = (R.REFUSED_PERM, 550, "RCPT"), (R.REFUSED_PERM, 530, "MAIL")

TABLE = [
    ("all taken", [OK, OK], Settled(injected=(0, 1)), None),
    ("one in doubt", [OK, DOUBT], Settled(injected=(0,), in_doubt=(1,)), None),
    ("one later", [LATER, OK], Settled(injected=(1,), again=(0,)), None),
    ("one person refused", [OK, NO_PERSON], Settled(injected=(0,), refused=(1,)), None),
    ("one alone refused", [NO_PERSON], Settled(refused=(0,)), None),
    ("everybody refused is the MTA's fault", [NO_PERSON, NO_PERSON], Settled(again=(0, 1)), "550 to RCPT"),
    ("the sender refused is the MTA's fault", [NO_SENDER], Settled(again=(0,)), "530 to MAIL"),
    ("nobody at the door", [DOWN, DOWN], Settled(again=(0, 1)), "connect"),
    ("lost on the way", [DOUBT, DOWN], Settled(in_doubt=(0,), again=(1,)), "connect"),
    ("empty", [], Settled(), None),
]


@pytest.mark.parametrize(("name", "results", "wanted", "failure"), TABLE, ids=[row[0] for row in TABLE])
def test_results_settle(name: str, results: list[tuple[R, int, str]], wanted: Settled, failure: str | None) -> None:
    settled, raised = settle([Injection(key, *result) for key, result in enumerate(results)])
    assert settled == wanted
    assert (raised is None) == (failure is None)
    if raised and failure:
        assert failure in raised.detail
        assert raised.retryable
