"""PMTA accounting → events → dashboard: one test per numbered step of the seed, on one kept run."""

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integration.conftest import KeptRun

LEVERS = {
    *("throttle", "backoff", "pause_job", "pause_queue", "quarantine_ip", "disable_source"),
    *("emergency_halt", "probe", "release"),
}
RESTRICTING = LEVERS - {"probe", "release"}


def test_01_pmta_accounting_writes_deliveries_bounces_deferrals_and_receipts(kept_run: "KeptRun") -> None:
    types = Counter(row["type"] for row in kept_run.accounting())
    # complaints (f) and queue trouble (tq) are rare among 2,000 people; the simulator's conformance test has them
    assert {"d", "b", "t", "r"} <= set(types)
    assert sum(types.values()) == kept_run.step("accounting.1")


def test_02_ingestor_reads_every_line_once(kept_run: "KeptRun") -> None:
    lines = sum(1 for _ in kept_run.accounting())
    feeds = kept_run.table("mailing_engine_feeds")
    assert sum(int(row["ingested"]) + int(row["rejected"]) for row in feeds) == lines
    assert sum(int(row["ingested"]) for row in feeds) == kept_run.step("accounting.2")


def test_03_signal_processor_counts_what_the_log_says(kept_run: "KeptRun") -> None:
    signals = kept_run.table("mailing_engine_signal_state")
    slices = [row for row in kept_run.table("mailing_engine_signals") if row["scope_type"] == "isp"]
    ours = Counter(row["type"] for row in kept_run.accounting())
    assert sum(int(row["n"]) for row in slices if row["signal"] == "complaint") == ours["d"]
    assert {row["isp"] for row in signals} >= {"gmail", "yahoo", "microsoft", "apple", "elsewhere"}
    assert {row["signal"] for row in signals} >= {"bounce", "deferral", "complaint"}
    assert all(int(row["x"]) <= int(row["n"]) for row in signals if row["signal"] in ("bounce", "deferral"))
    assert kept_run.step("accounting.3") > 0


def test_04_agent_evaluation_runs_all_48(kept_run: "KeptRun") -> None:
    agents = kept_run.table("mailing_engine_agents")
    assert len({(row["isp"], row["agent"]) for row in agents}) == 48
    assert all(int(row["evaluations"]) > 0 for row in agents)
    since = sum(int(row["evaluations"]) for row in agents) - kept_run.step("accounting.4")
    assert since % 48 == 0
    assert 0 <= since <= 10 * 48  # they go on looking between the count and the export of the table


def test_05_decisions_name_rule_reason_evidence_and_lifetime(kept_run: "KeptRun") -> None:
    decisions = kept_run.table("mailing_engine_decisions")
    assert len(decisions) == kept_run.step("accounting.5")
    assert any(row["action"] in RESTRICTING for row in decisions)
    for row in decisions:
        assert row["reason"]
        assert "@" in row["rule"]
        assert row["evidence"] not in ("", "{}")
        assert row["at"] < row["until"]


def test_06_orchestrator_settles_every_decision(kept_run: "KeptRun") -> None:
    decisions = kept_run.table("mailing_engine_decisions")
    settled = [row for row in decisions if row["status"] != "proposed" or row["status_note"]]
    assert len(settled) == kept_run.step("accounting.6") > 0
    standing = Counter(
        (row["action"], row["target_type"], row["target"], row["isp"])
        for row in decisions
        if row["status"] in ("approved", "applied", "verified") and not row["ended_at"] and row["action"] in RESTRICTING
    )
    assert all(count == 1 for count in standing.values())


def test_07_executor_applies_over_ssh_and_reads_back(kept_run: "KeptRun") -> None:
    commands = kept_run.table("mailing_engine_commands")
    done = [row for row in commands if row["state"] == "done"]
    assert {row["exit_status"] for row in done} == {"0"}
    assert all(row["read_back"] for row in done)
    assert len(done) == kept_run.step("accounting.7") > 0
    check = kept_run.reconciliation("decisions_commands")
    assert check["ok"], check
    decisions = {row["id"]: row for row in kept_run.table("mailing_engine_decisions")}
    acted = [decisions[row["decision_id"]] for row in done if row["decision_id"]]
    assert any(row["action"] in RESTRICTING for row in acted)


def test_08_event_writing_matches_what_the_providers_said(kept_run: "KeptRun") -> None:
    left: Counter[str] = Counter()
    for entry in kept_run.lines("simulator.jsonl"):
        if not str(entry["envid"]).startswith("ig"):
            continue
        if entry["kind"] == "complaint":
            left["complained"] += 1
        elif entry["kind"] == "reply":
            bounce = "hard_bounced" if entry.get("hard") else "soft_bounced"
            left[{"bounced": bounce}.get(entry["result"], entry["result"])] += 1
    names = ("delivered", "deferred", "soft_bounced", "hard_bounced", "complained")
    right = Counter(row["event_type"] for row in kept_run.events(*names))
    assert left == right
    assert sum(right.values()) == kept_run.step("accounting.8") > 0


def test_09_quality_updates_lift_the_delivered_and_suppress_the_bounced(kept_run: "KeptRun") -> None:
    people = {row["id"]: row for row in kept_run.table("mailing_subscribers")}
    listed = {row["email_md5"] for row in kept_run.table("mailing_global_suppressions")}
    dead = {row["subscriber_id"] for row in kept_run.events("hard_bounced", "complained")}
    assert dead
    for one in dead:
        assert float(people[one]["data_quality_score"]) == 0.0
        assert people[one]["status"] == "suppressed"
        assert people[one]["email_md5"] in listed
    for one in {row["subscriber_id"] for row in kept_run.events("delivered")} - dead:
        assert float(people[one]["data_quality_score"]) >= 0.75
    assert kept_run.step("accounting.9") > 0
