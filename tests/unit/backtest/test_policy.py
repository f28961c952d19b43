"""Changes to the rule table from a file: what is asked for is what is changed, and every mistake is named."""

from datetime import timedelta
from pathlib import Path

import pytest

from ignite_app.backtest.run import judge_of
from ignite_app.policy import changed, read_policy
from ignite_domain.errors import BadInput
from ignite_domain.governance.rules import RULES


def test_a_file_changes_the_fields_it_names_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "bounce-flood: {at_least: 20, limit: 0.5, lifetime: 90m, version: 7}\n"
        "complaint-watch: {enabled: false}\n"
        "deferral-rise: {factor: 0.5}\n"
    )
    table = {rule.name: rule for rule in read_policy(path)}
    flood = table["bounce-flood"]
    assert (flood.at_least, flood.limit, flood.lifetime, flood.id) == (20, 0.5, timedelta(minutes=90), "bounce-flood@7")
    assert "complaint-watch" not in table
    assert table["deferral-rise"].parameters == {"factor": 0.5}
    touched = {"bounce-flood", "complaint-watch", "deferral-rise"}
    assert [rule for rule in table.values() if rule.name not in touched] == [
        rule for rule in RULES if rule.name not in touched
    ]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("nothing-like-this: {limit: 0.1}", "nothing-like-this"),
        ("bounce-flood: {limits: 0.1}", "bounce-flood.limits"),
        ("bounce-flood: {limit: 2}", "bounce-flood.limit"),
        ("bounce-flood: {limit: yes}", "bounce-flood.limit"),
        ("bounce-flood: {at_least: 0}", "bounce-flood.at_least"),
        ("bounce-flood: {window_s: 30}", "bounce-flood.window_s"),
        ("bounce-flood: {lifetime: 3600}", "bounce-flood.lifetime"),
        ("bounce-flood: {lifetime: 25h}", "bounce-flood"),
        ("bounce-flood: {factor: 0.5}", "bounce-flood.factor"),
        ("bounce-flood: 3", "bounce-flood"),
        ("[1, 2]", "mapping"),
        ("{", "YAML"),
    ],
)
def test_a_mistake_is_named_by_file_and_key(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    with pytest.raises(BadInput) as wrong:
        read_policy(path)
    assert str(path) in str(wrong.value)
    assert key in str(wrong.value)


def test_all_mistakes_are_told_at_once() -> None:
    _, wrong = changed({"bounce-flood": {"limit": 7, "z": "x"}, "no-rule": {}})
    assert len(wrong) == 3


@pytest.mark.parametrize("policy", ["fixed", "rules.json", "missing.yaml"])
def test_a_policy_that_is_none_is_refused_by_name(policy: str) -> None:
    with pytest.raises(BadInput, match=r"--policy.*" + policy):
        judge_of(policy)
