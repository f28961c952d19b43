"""Tracking: signed links, the rewriting of a mail's HTML, who follows them, and what that means."""

from ignite_domain.tracking.codec import LinkCodec, Token, TokenKind
from ignite_domain.tracking.hits import Answer, Hit, RecordHits
from ignite_domain.tracking.ports import TrackedSend, TrackingStore, Unsubscribe
from ignite_domain.tracking.rewriting import Prepared, prepare
from ignite_domain.tracking.service import TrackingService
from ignite_domain.tracking.site import SiteReport, read_report
from ignite_domain.tracking.verdict import Earlier, Signals

__all__ = [
    "Answer",
    "Earlier",
    "Hit",
    "LinkCodec",
    "Prepared",
    "RecordHits",
    "Signals",
    "SiteReport",
    "Token",
    "TokenKind",
    "TrackedSend",
    "TrackingService",
    "TrackingStore",
    "Unsubscribe",
    "prepare",
    "read_report",
]
