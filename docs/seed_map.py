"""The seed's words and where they live: one table, from which `docs/seed-map.md` is written.

`python docs/seed_map.py` writes the page; a unit test imports every symbol and compares the page.
"""

from pathlib import Path

CLASSES = (
    # word of the seed, module, what it does there
    ("Classifier", "ignite_domain.imports", "tells mailable, suppression and warm-up files apart, with reasons"),
    ("Normalizer", "ignite_app.workers.normalize", "polls the bucket, renames, has rows merged, writes rejects"),
    ("Importer", "ignite_domain.imports", "merges one file's rows, resumable by line"),
    ("EmailVerifier", "ignite_app.workers.verify", "MX lookup, then the third party, then the score"),
    ("WarmupScheduler", "ignite_domain.warmup.scheduler", "the day's volume and people of a young address"),
    ("VariantSelector", "ignite_domain.experiments", "which variant a person gets"),
    ("BatchSendWorker", "ignite_app.workers.send", "claims, builds, injects, marks"),
    ("TrackingService", "ignite_domain.tracking", "pixel, click redirects, owned-domain enrichment"),
    ("AccountingRecord", "ignite_domain.governance.accounting", "one line of PMTA's accounting log"),
    ("Ingestor", "ignite_domain.governance.ingestor", "records in, everything that follows from them out"),
    ("SignalProcessor", "ignite_domain.governance.signals", "rolling windows and CUSUM alarms"),
    ("Agent", "ignite_domain.governance.agents", "one of the 48"),
    ("Decision", "ignite_domain.governance.words", "what an agent wants, why, how long, and how to undo it"),
    ("Orchestrator", "ignite_domain.governance.orchestrator", "validates, settles, lets lifetimes end"),
    ("DecisionStore", "ignite_domain.governance.ports", "decisions that still matter"),
    ("Executor", "ignite_app.workers.execute", "desired state to pmta commands over SSH, read back"),
    ("FlowEngine", "ignite_domain.automation", "the steps of an automation flow"),
)

TABLES: tuple[tuple[str, str], ...] = (
    ("subscriber_events", "everything that happened to anybody, partitioned by month of event_at"),
    ("mailing_subscribers", "people with quality score and status"),
    ("mailing_campaigns", "campaigns and flow mail, with status"),
    ("mailing_ab_tests", "one A/B test a campaign"),
    ("mailing_ab_variants", "its arms: subject, preheader, HTML"),
    ("content_learnings", "what a decided test taught"),
    ("automation_flows", "flow definitions"),
    ("automation_executions", "who is where in which flow"),
    ("data_import_log", "every file of the bucket and what became of its rows"),
    ("mailing_global_suppressions", "never mail: by md5"),
    ("mailing_engine_suppressions", "not at this provider, or not for a while"),
    ("mailing_engine_decisions", "what agents decided"),
    ("mailing_engine_signals", "what came on top by place and slice of time, and how high alarms stood"),
)

FILES: tuple[tuple[str, str], ...] = (("EmailTracker.tsx", "dashboard/src/site/EmailTracker.tsx"),)

PACKAGES: tuple[tuple[str, str], ...] = (
    ("cmd/server/", "ignite_app.cli.main"),
    ("internal/api/", "ignite_app.http"),
    (
        "internal/mailing/",
        "ignite_domain.campaigns, ignite_domain.experiments, ignite_domain.tracking, ignite_domain.subscribers",
    ),
    ("internal/engine/", "ignite_domain.governance"),
    ("internal/worker/", "ignite_app.workers"),
    ("internal/pmta/", "ignite_adapters.pmta, ignite_domain.warmup"),
    ("internal/datanorm/", "ignite_domain.imports"),
    ("internal/automation/", "ignite_domain.automation"),
    ("internal/storage/", "ignite_adapters.s3, ignite_adapters.directory"),
    ("internal/config/", "ignite_app.settings, ignite_app.settings_loader"),
    ("internal/pkg/logger/", "ignite_app.logs"),
)


def page() -> str:
    """The Markdown page."""
    lines = [
        "# From the seed's words to this code",
        "",
        "Written by `docs/seed_map.py`; a test imports every symbol.",
        "",
    ]
    lines += ["| Word | Lives in | What it does |", "|---|---|---|"]
    lines += [f"| {word} | `{module}` | {does} |" for word, module, does in CLASSES]
    lines += [f"| {word} | `{path}` | tells the API about page views and the end of a visit |" for word, path in FILES]
    lines += ["", "| Table | Holds |", "|---|---|"]
    lines += [f"| `{table}` | {holds} |" for table, holds in TABLES]
    lines += ["", "| Package of the seed | Here |", "|---|---|"]
    lines += [f"| `{package}` | {', '.join(f'`{one}`' for one in here.split(', '))} |" for package, here in PACKAGES]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("seed-map.md").write_text(page(), encoding="utf-8")
