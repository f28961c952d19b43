"""Campaigns: their life, whom they mean, how fast they go, and what the messages look like."""

from ignite_domain.campaigns.audience import Person, Segment, parse
from ignite_domain.campaigns.message import MessageBuilder, Recipient
from ignite_domain.campaigns.pacing import ClosedRoute, Pace, Routes, spread
from ignite_domain.campaigns.ports import (
    AccountingProgress,
    ClaimedSend,
    Injection,
    InjectionControls,
    InjectionResult,
    LinkWriter,
    MailInjector,
    Message,
    SendableCampaign,
    SendLedger,
    Settled,
    VariantContent,
)
from ignite_domain.campaigns.send_batch import DOUBT_MARGIN, ResolveDoubts, SendBatch, settle
from ignite_domain.campaigns.states import ENDED, NEXT, CampaignStatus, Verb, after, sources

__all__ = [
    "DOUBT_MARGIN",
    "ENDED",
    "NEXT",
    "AccountingProgress",
    "CampaignStatus",
    "ClaimedSend",
    "ClosedRoute",
    "Injection",
    "InjectionControls",
    "InjectionResult",
    "LinkWriter",
    "MailInjector",
    "Message",
    "MessageBuilder",
    "Pace",
    "Person",
    "Recipient",
    "ResolveDoubts",
    "Routes",
    "Segment",
    "SendBatch",
    "SendLedger",
    "SendableCampaign",
    "Settled",
    "VariantContent",
    "Verb",
    "after",
    "parse",
    "settle",
    "sources",
    "spread",
]
