"""The newest stored policy is in force; a file that is named makes versions by itself, and never an unsound one."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ignite_adapters.memory.policies import MemoryPolicyStore
from ignite_app.policies.in_force import BY_FILE, PolicyInForce, findings_of, policy_of
from ignite_app.policy import SHIPPED
from ignite_domain.governance.ports import PolicyVersion
from ignite_domain.governance.rules import BY_AGENT
from ignite_domain.governance.words import AgentKind

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def by_ann(version: int, document: str) -> PolicyVersion:
    return PolicyVersion(version, NOW, "ann", "because", document)


async def ids(policy: PolicyInForce) -> set[str]:
    table = await policy(NOW)
    assert list(table) == list(AgentKind)
    return {rule.id for rules in table.values() for rule in rules if rule.name.startswith("bounce-rise")}


async def test_without_a_version_the_table_is_as_shipped() -> None:
    assert await PolicyInForce(MemoryPolicyStore())(NOW) == BY_AGENT


async def test_a_version_that_names_a_rule_of_another_release_is_an_alert_with_version_and_rule() -> None:
    assert findings_of(None) == []
    assert findings_of(by_ann(7, "bounce-rise: {at_least: 20}")) == []
    (found,) = findings_of(by_ann(7, "bounce-rise: {at_least: 20}\nno-such-rule: {at_least: 20}"))
    assert (found.kind, found.subject) == ("policy_unreadable", "version 7")
    assert "version 7" in found.text
    assert "no-such-rule" in found.text


async def test_a_new_version_is_in_force_at_the_next_look() -> None:
    store = MemoryPolicyStore()
    policy = PolicyInForce(store)
    assert await ids(policy) == {"bounce-rise@1", "bounce-rise-of-a-job@1"}
    await store.add(by_ann(1, "bounce-rise: {at_least: 20}"))
    assert await ids(policy) == {"bounce-rise@1.0001", "bounce-rise-of-a-job@1"}
    await store.add(by_ann(2, "bounce-rise: {at_least: 20}\nbounce-rise-of-a-job: {enabled: false}"))
    assert await ids(policy) == {"bounce-rise@1.0002"}
    await store.add(by_ann(3, ""))
    assert await ids(policy) == {"bounce-rise@1", "bounce-rise-of-a-job@1"}
    assert await policy(NOW) == BY_AGENT


async def test_a_version_that_this_release_cannot_read_leaves_the_table_as_shipped() -> None:
    store = MemoryPolicyStore()
    await store.add(by_ann(1, "a-rule-of-the-past: {limit: 0.1}\nbounce-rise: {at_least: 20}"))
    assert await PolicyInForce(store)(NOW) == BY_AGENT
    assert policy_of(store.kept[0]) == SHIPPED


async def test_what_a_named_file_holds_becomes_the_newest_version(tmp_path: Path) -> None:
    store, file = MemoryPolicyStore(), tmp_path / "rules.yaml"
    await store.add(by_ann(1, "bounce-rise: {at_least: 5}"))
    file.write_text("bounce-rise: {at_least: 20}\n")
    policy = PolicyInForce(store, file)
    assert await ids(policy) == {"bounce-rise@1.0002", "bounce-rise-of-a-job@1"}
    assert await ids(policy) == {"bounce-rise@1.0002", "bounce-rise-of-a-job@1"}
    newest = store.kept[-1]
    assert (newest.version, newest.author, newest.reason, newest.document) == (
        *(2, BY_FILE, "changed in rules.yaml"),
        "bounce-rise: {at_least: 20}\n",
    )
    file.write_text("bounce-rise: {enabled: false}\n")
    assert await ids(policy) == {"bounce-rise-of-a-job@1"}
    assert await ids(PolicyInForce(store, file)) == {"bounce-rise-of-a-job@1"}, "a restart makes no version"
    assert [one.version for one in store.kept] == [1, 2, 3]


@pytest.mark.parametrize("broken", ["bounce-rise: {at_least: 0}\n", "{", None])
async def test_a_file_that_is_unsound_or_gone_changes_nothing_until_it_is_sound(
    tmp_path: Path, broken: str | None
) -> None:
    store, file = MemoryPolicyStore(), tmp_path / "rules.yaml"
    file.write_text("bounce-rise: {at_least: 20}\n")
    policy = PolicyInForce(store, file)
    assert await ids(policy) == {"bounce-rise@1.0001", "bounce-rise-of-a-job@1"}
    if broken is None:
        file.unlink()
    else:
        file.write_text(broken)
    for _ in range(2):
        assert await ids(policy) == {"bounce-rise@1.0001", "bounce-rise-of-a-job@1"}
    assert len(store.kept) == 1
    file.write_text("bounce-rise: {at_least: 30}\n# well again\n")
    assert await ids(policy) == {"bounce-rise@1.0002", "bounce-rise-of-a-job@1"}


async def test_a_file_that_changes_nothing_makes_no_first_version(tmp_path: Path) -> None:
    store, file = MemoryPolicyStore(), tmp_path / "rules.yaml"
    file.write_text("# as shipped\n")
    assert await PolicyInForce(store, file)(NOW) == BY_AGENT
    assert store.kept == []
