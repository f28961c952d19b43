"""Changes to the rule table from a file: what is asked for is what is changed, and every mistake is named."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ignite_app.backtest.run import judge_of
from ignite_app.policy import SHIPPED, differences, parse, read_policy, uses
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
        ("bounce-flood: {lifetime: 0s}", "bounce-flood.lifetime"),
        ("bounce-flood: {limit: .nan}", "bounce-flood.limit"),
        ("bounce-flood: {limit: 0}", "bounce-flood.limit"),
        ("bounce-flood: {window_s: 90}", "bounce-flood.window_s: must be whole minutes"),
        ("bounce-flood: {window_s: 5400}", "bounce-flood.window_s: must be whole minutes"),
        ("bounce-flood: {factor: 0.5}", "bounce-flood.factor"),
        ("bounce-rise: {z: 3}", "bounce-rise.z: this rule does not look at it"),
        ("bounce-flod: {limit: 0.1}", "bounce-flod: there is no such rule; do you mean bounce-flood?"),
        ("bounce-flood: {z: 3, z: 4}", "bounce-flood.z: stands twice"),
        ("a: " + "9" * 5000, "YAML"),
        ("a: 2001-99-99", "YAML"),
        ("[" * 5000, "nested or long"),
        ("a: {b: 1}\n" * 3000, "nested or long"),
        ("\0", "YAML"),
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


def test_a_wrong_field_is_answered_with_the_fields_of_that_very_rule() -> None:
    (alarm,) = parse("bounce-rise: {limits: 0.1}")[1]
    assert "this rule has enabled, version, at_least, lifetime" in alarm.message
    assert "factor" not in alarm.message


def test_all_mistakes_are_told_at_once_each_with_its_line() -> None:
    text = "# ours\nbounce-flood:\n  limit: 7\n  z: x\nno-rule: {}\nbounce-rise: {at_least: 20}\n"
    policy, wrong = parse(text)
    assert [(one.key, one.line) for one in wrong] == [("bounce-flood.limit", 3), ("bounce-flood.z", 4), ("no-rule", 5)]
    assert policy == SHIPPED, "nobody goes by half of a policy"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"# caf\xe9\n")
    (tmp_path / "long.yaml").write_text("# x\n" * 20_000)
    for name in ("none.yaml", "latin.yaml", "long.yaml", "."):
        with pytest.raises(BadInput, match=re.escape(str(tmp_path / name))):
            read_policy(tmp_path / name)


DIFFS = [
    ("", "", []),
    ("# words\n", "bounce-rise: {}", []),
    ("", "bounce-flood: {at_least: 5, limit: 0.25, lifetime: 60m, enabled: true, version: 1}", []),
    ("", "bounce-flood: {at_least: 6}", [("bounce-flood", "at_least", 5, 6)]),
    ("bounce-flood: {at_least: 6}", "", [("bounce-flood", "at_least", 6, 5)]),
    ("", "bounce-rise: {lifetime: 90s}", [("bounce-rise", "lifetime", "1h", "90s")]),
    ("bounce-rise: {lifetime: 90m}", "bounce-rise: {lifetime: 2h}", [("bounce-rise", "lifetime", "90m", "2h")]),
    ("", "complaint-watch: {enabled: false}", [("complaint-watch", "enabled", True, False)]),
    ("", "deferral-rise: {factor: 0.5, version: 2}",
     [("deferral-rise", "version", 1, 2), ("deferral-rise", "factor", 0.7, 0.5)]),
    # two rules come in the table's order, not the document's
    ("bounce-flood: {z: 2}", "host-bounce-flood: {z: 2.5}\ndeferral-rise: {factor: 0.5}",
     [("deferral-rise", "factor", 0.7, 0.5), ("bounce-flood", "z", 2.0, 3.09), ("host-bounce-flood", "z", 3.09, 2.5)]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "found"), DIFFS)
def test_a_difference_is_told_by_rule_and_field(before: str, after: str, found: list[tuple[object, ...]]) -> None:
    old, wrong = parse(before)
    new, wrong_too = parse(after)
    assert wrong + wrong_too == []
    told = [(one.rule, one.field, one.before, one.after) for one in differences(old, new)]
    assert told == found


@given(
    st.dictionaries(
        st.sampled_from([rule.name for rule in RULES]),
        st.fixed_dictionaries(
            {},
            optional={
                "enabled": st.booleans(),
                "version": st.integers(1, 9),
                "lifetime": st.integers(1, 24).map(lambda hours: f"{hours}h"),
                "at_least": st.integers(1, 50),
                "limit": st.floats(0.001, 0.999),
            },
        ),
    )
)
def test_a_difference_written_as_a_document_makes_the_same_policy(changes: dict[str, dict[str, object]]) -> None:
    used = {row.rule.name: uses(row.rule) for row in SHIPPED.rows}
    changes = {
        name: {field: value for field, value in fields.items() if field in used[name]}
        for name, fields in changes.items()
    }
    policy, wrong = parse(yaml.safe_dump(changes))
    assert wrong == []
    again: dict[str, dict[str, object]] = {}
    for one in differences(SHIPPED, policy):
        again.setdefault(one.rule, {})[one.field] = one.after
    assert differences(policy, parse(yaml.safe_dump(again))[0]) == []


def test_a_stored_policy_names_itself_in_the_rules_that_it_changed_and_in_no_others() -> None:
    text = (
        "bounce-flood: {at_least: 9}\nbounce-rise: {version: 7}\ncomplaint-watch: {enabled: false}\nunreachable: {}\n"
    )
    policy, _ = parse(text)
    ids = {row.rule.name: row.rule.id for row in policy.stamped(3).rows}
    others = {
        rule.name: rule.id for rule in RULES if rule.name not in ("bounce-flood", "bounce-rise", "complaint-watch")
    }
    assert ids == others | {
        "bounce-flood": "bounce-flood@1.0003",
        "bounce-rise": "bounce-rise@7.0003",
        "complaint-watch": "complaint-watch@1.0003",
    }


@pytest.mark.parametrize("policy", ["fixed", "rules.json", "missing.yaml"])
def test_a_policy_that_is_none_is_refused_by_name(policy: str) -> None:
    with pytest.raises(BadInput, match=r"--policy.*" + policy):
        judge_of(policy)
