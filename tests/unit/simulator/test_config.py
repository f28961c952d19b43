"""PMTA configuration: what is understood, what is refused and where, and which value a queue gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_app.simulator.config import ConfigError, Rate, duration, parse, rate

BASE = """
<virtual-mta v1>
  smtp-source-host 198.51.100.7 v1.example
</virtual-mta>
<virtual-mta v2>
  smtp-source-host 198.51.100.8 v2.example
</virtual-mta>
<virtual-mta-pool warm>
  virtual-mta v1
  <domain *>
    max-smtp-out 7
  </domain>
</virtual-mta-pool>
<mx-rollup-list>
  mx *.yahoodns.net yahoo.rollup
</mx-rollup-list>
<domain *>
  max-smtp-out 3
  bounce-after 4d12h
</domain>
<domain slow.example>
  max-msg-rate 10/h
</domain>
"""


@pytest.mark.parametrize(("text", "seconds"), [("10m", 600), ("4d12h", 388_800), ("1h30m", 5400), ("1s", 1)])
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100/h", Rate(100, 3600)),
        ("5/m", Rate(5, 60)),
        ("20/10s", Rate(20, 10)),
        ("1/d", Rate(1, 86_400)),
        ("unlimited", None),
    ],
)
def test_rates(text: str, expected: Rate | None) -> None:
    assert rate(text) == expected


@pytest.mark.parametrize(
    ("domain", "vmta", "slots", "per_hour"),
    [
        ("other.example", "v2", 3, None),  # global
        ("other.example", "v1", 7, None),  # the pool's
        ("slow.example", "v2", 3, 10),  # exact before *
        ("yahoo.rollup", "v2", 9, 60),  # the VMTA's own, from the later file
    ],
)
def test_a_queue_gets_the_most_specific_value(domain: str, vmta: str, slots: int, per_hour: int | None) -> None:
    later = "<virtual-mta v2>\n<domain yahoo.rollup>\nmax-smtp-out 9\nmax-msg-rate 1/m\n</domain>\n</virtual-mta>"
    settings = parse([("base", BASE), ("later", later)]).settings(domain, vmta)
    assert settings.max_smtp_out == slots
    assert (settings.max_msg_rate.per_second * 3600 if settings.max_msg_rate else None) == per_hour
    assert settings.bounce_after == 388_800
    assert settings.backoff_to_normal_after is None  # never, by default
    assert settings.backoff_max_msg_rate == settings.max_msg_rate  # backoff changes nothing unless it is set


@pytest.mark.parametrize(
    ("domain", "mx", "queue"),
    [
        ("yahoo.com", ("mta5.am0.yahoodns.net",), "yahoo.rollup"),
        ("att.net", ("mx-att.mail.am0.yahoodns.net",), "yahoo.rollup"),
        ("firm.example", ("mx1.firm.example",), "firm.example"),
        ("firm.example", (), "firm.example"),
    ],
)
def test_domains_are_rolled_up_by_their_mx(domain: str, mx: tuple[str, ...], queue: str) -> None:
    assert parse([("base", BASE)]).queue_domain(domain, mx) == queue


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("max-msg-rate 5/h", "Error in line 1 of f: unknown directive"),
        ("\n<domain x.example>\nmax-msg-rate 5 per hour\n</domain>", "Error in line 3 of f: invalid value"),
        ("<domain x.example>\nmax-smtp-out -1\n</domain>", "Error in line 2 of f: invalid value"),
        ("<domain x.example>", "Error in line 1 of f: <domain> is not closed"),
        ("</domain>", "Error in line 1 of f: unexpected"),
        ("<virtual-host a>\n</virtual-host>", "Error in line 1 of f: unknown section"),
        ("<mx-rollup-list>\nmx *.a.example a\n</mx-rollup-list>", "Error in line 2 of f: mx needs"),
        ("<virtual-mta a>\n</virtual-mta>", 'Error in f: virtual-mta "a" has no smtp-source-host'),
        ("<smtp-pattern-list p>\nreply /x/ explode\n</smtp-pattern-list>", "Error in line 2 of f: unknown action"),
        ("<domain *>\nsmtp-pattern-list p\n</domain>", 'Error in f: unknown smtp-pattern-list "p"'),
    ],
)
def test_a_wrong_file_is_refused_and_the_place_is_named(text: str, error: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse([("f", text)])
    assert str(refusal.value).startswith(error)


_LINES = st.sampled_from([*BASE.splitlines(), "<domain *>", "</domain>", "max-msg-rate 1/h", "reply /(/ skip-mx", "#"])


@given(st.lists(st.one_of(_LINES, st.text(max_size=30)), max_size=20))
def test_any_text_is_read_or_refused_with_pmtas_words(lines: list[str]) -> None:
    error = ""
    try:
        parse([("f", "\n".join(lines))])
    except ConfigError as refusal:
        error = str(refusal)
    assert error == "" or error.startswith("Error in ")
