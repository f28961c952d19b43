"""S3 import → normalize → subscriber → campaign → send → track: one test per numbered step of the seed.

All read one kept run of the whole loop (see conftest) and do their own arithmetic on both sides.
"""

import csv
import json
from collections import Counter
from hashlib import md5
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integration.conftest import KeptRun


def test_01_s3_polling_sees_every_file_of_the_bucket(kept_run: "KeptRun") -> None:
    log = kept_run.table("data_import_log")
    left_over = [p for p in (kept_run.root / "bucket").iterdir() if p.is_file()]
    assert left_over == []
    assert len(log) == kept_run.step("import.1") >= 3


def test_02_classification_tells_mailable_suppression_and_warmup_apart(kept_run: "KeptRun") -> None:
    kinds = Counter(row["classification"] for row in kept_run.table("data_import_log"))
    assert set(kinds) == {"mailable", "suppression", "warmup"}
    assert sum(kinds.values()) == kept_run.step("import.2")


def test_03_rename_gives_every_file_its_number_and_type(kept_run: "KeptRun") -> None:
    done = {p.name for p in (kept_run.root / "bucket" / "processed").iterdir()}
    for row in kept_run.table("data_import_log"):
        key = row["processed_key"]
        assert key == f"processed/{int(row['number']):03d}-JVC-{row['classification'].capitalize()}.csv"
        assert key.removeprefix("processed/") in done
    assert kept_run.step("import.3") == sum(1 for name in done if ".rejects." not in name)


def test_04_import_accounts_for_every_row(kept_run: "KeptRun") -> None:
    for row in kept_run.table("data_import_log"):
        path = kept_run.root / "bucket" / row["processed_key"]
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            rows = sum(1 for record in list(csv.reader(file))[1:] if any(cell.strip() for cell in record))
        parts = [int(row[name]) for name in ("inserted", "updated", "unchanged", "rejected")]
        assert (sum(parts), int(row["row_count"])) == (rows, rows)
        assert parts[0] > 0
    people = kept_run.table("mailing_subscribers")
    assert len(people) == len({row["email_md5"] for row in people})
    assert all(md5(row["email"].encode(), usedforsecurity=False).hexdigest() == row["email_md5"] for row in people)


def test_05_verification_settles_every_active_address(kept_run: "KeptRun") -> None:
    people = kept_run.table("mailing_subscribers")
    # a domain whose name servers fail is asked again later; everyone else is settled
    open_ends = [row for row in people if row["status"] == "active" and row["verify_state"] != "done"]
    assert all(row["verify_after"] for row in open_ends)
    assert len(open_ends) < 0.02 * len(people)
    unmailable = Counter(row["status_reason"] for row in people if row["status"] == "unmailable")
    assert unmailable["mx_invalid"] > 0
    assert unmailable["api_invalid"] > 0
    assert kept_run.step("import.5") == len({row["subscriber_id"] for row in kept_run.events("verified")}) > 0


def test_06_quality_scores_stand_on_the_rungs_that_happened(kept_run: "KeptRun") -> None:
    tiers = Counter(float(row["data_quality_score"]) for row in kept_run.table("mailing_subscribers"))
    assert set(tiers) == {0.0, 0.25, 0.5, 0.75, 1.0}
    check = kept_run.reconciliation("quality_scores")
    assert check["ok"], check
    assert kept_run.step("import.6") == len(kept_run.events("quality_changed")) > 0


def test_07_warmup_selection_keeps_to_the_first_rung_and_takes_the_best_people(kept_run: "KeptRun") -> None:
    days = kept_run.table("mailing_warmup_days")
    assert days
    for row in days:
        assert int(row["selected"]) <= int(row["budget"])
    first = min(row["day"] for row in days)
    assert {int(row["budget"]) for row in days if row["day"] == first} <= {0, 50}
    selected = kept_run.events("selected")
    assert len(selected) == sum(int(row["selected"]) for row in days) == kept_run.step("import.7") > 0
    cold = {row["vmta"] for row in days}
    sends = {row["id"]: row for row in kept_run.table("mailing_sends")}
    chosen = [sends[str(json.loads(row["metadata"])["send"])] for row in selected]
    assert {row["vmta"] for row in chosen if row["state"] == "injected"} <= cold


def test_08_campaign_send_reaches_each_person_once_with_one_variant(kept_run: "KeptRun") -> None:
    messages = Counter((m["job"], m["rcpt_md5"]) for m in _ours(kept_run, "message"))
    assert messages
    assert set(messages.values()) == {1}
    sends = [row for row in kept_run.table("mailing_sends") if row["state"] == "injected"]
    assert sum(messages.values()) == len(sends) == kept_run.step("import.8")
    variants = Counter(row["variant_id"] for row in sends if row["variant_id"])
    assert len(variants) >= 2
    campaign = next(row["id"] for row in kept_run.table("mailing_campaigns") if row["kind"] == "campaign")
    states = Counter(row["state"] for row in kept_run.table("mailing_sends") if row["campaign_id"] == campaign)
    assert set(states) <= {"injected", "suppressed", "held"}
    assert states["suppressed"] > 0
    mailable = sum(states.values()) - states["suppressed"] - _held(kept_run, campaign, "unmailable")
    assert states["injected"] >= 0.6 * mailable


def test_09_tracking_records_opens_and_clicks_with_the_right_verdict(kept_run: "KeptRun") -> None:
    left = Counter(
        ({"open": "opened", "click": "clicked"}[m["kind"]], "human" if m["human"] else "machine")
        for m in _ours(kept_run, "open", "click")
    )
    right = Counter((row["event_type"], row["verdict"]) for row in kept_run.events("opened", "clicked"))
    assert left == right
    assert left[("clicked", "human")] > 0
    assert left[("clicked", "machine")] > 0
    assert kept_run.step("import.9") == sum(left.values())


def test_10_site_engagement_beacons_become_events_of_the_person_who_clicked(kept_run: "KeptRun") -> None:
    left = Counter(m["kind"] for m in _ours(kept_run, "page_view", "session_end"))
    events = kept_run.events("page_view", "session_end")
    assert left == Counter(row["event_type"] for row in events)
    assert left["page_view"] > 0
    assert left["session_end"] > 0
    people = {row["id"]: row for row in kept_run.table("mailing_subscribers")}
    lost = {"suppressed"}
    for row in events:
        if row["verdict"] == "human" and people[row["subscriber_id"]]["status"] not in lost:
            assert float(people[row["subscriber_id"]]["data_quality_score"]) == 1.0
    assert kept_run.step("import.10") == len(events)


def test_11_event_store_holds_every_kind_of_event(kept_run: "KeptRun") -> None:
    events = kept_run.table("subscriber_events")
    kinds = {row["event_type"] for row in events}
    wanted = {
        *("imported", "verified", "quality_changed", "suppressed", "selected", "sent", "deferred", "delivered"),
        *("hard_bounced", "unsubscribed", "opened", "clicked", "page_view", "session_end"),
        *("flow_entered", "flow_step", "flow_exited"),
    }
    assert wanted <= kinds
    assert kept_run.step("import.11") == len(events)


def test_12_dashboard_feed_pushes_every_high_value_event_once(kept_run: "KeptRun") -> None:
    heard = [int(message["id"]) for message in kept_run.lines("ws.jsonl")]
    assert heard == sorted(set(heard))
    fed = {int(row["id"]) for row in kept_run.table("live_feed")}
    assert set(heard) == {one for one in fed if one >= min(heard)}
    high = kept_run.events("hard_bounced", "complained", "unsubscribed")
    high += [row for row in kept_run.events("clicked", "page_view", "session_end") if row["verdict"] == "human"]
    pushed = [row for row in kept_run.table("live_feed") if row["type"] != "decision"]
    assert len(pushed) == len(high)
    assert kept_run.step("import.12") == len(heard) > 0


def _ours(run: "KeptRun", *kinds: str) -> list[dict[str, str]]:
    return [m for m in run.lines("simulator.jsonl") if m["kind"] in kinds and str(m["envid"]).startswith("ig")]


def _held(run: "KeptRun", campaign: str, reason: str) -> int:
    return sum(
        1
        for row in run.table("mailing_sends")
        if (row["campaign_id"], row["state"], row["reason"]) == (campaign, "held", reason)
    )
