"""The 21 steps of the two data flows, in the words for people. What each counts is decided where it is counted."""

from typing import Final

STEP_NAMES: Final[dict[str, str]] = {
    "import.1": "S3 polling: objects listed",
    "import.2": "classification: objects classified",
    "import.3": "rename: objects renamed",
    "import.4": "import: rows merged",
    "import.5": "verification: addresses verified",
    "import.6": "quality scoring: score changes",
    "import.7": "warm-up selection: people selected",
    "import.8": "campaign send: messages injected",
    "import.9": "tracking: links and pixels hit",
    "import.10": "site engagement: site events",
    "import.11": "event store: events stored",
    "import.12": "dashboard: messages pushed",
    "accounting.1": "PMTA accounting: lines written",
    "accounting.2": "ingestor: records ingested",
    "accounting.3": "signal processing: signals changed",
    "accounting.4": "agent evaluation: evaluations",
    "accounting.5": "decisions emitted",
    "accounting.6": "orchestrator: decisions settled",
    "accounting.7": "executor: commands applied",
    "accounting.8": "event writing: delivery events",
    "accounting.9": "quality updates: score or suppression changes",
}
