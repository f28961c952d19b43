"""Warm-up of young IPs: how much, whom, and the scheduler that does both."""

from ignite_domain.warmup.ladder import Plan, WarmupDay, plan
from ignite_domain.warmup.mix import TIERS, order_key, tier_mix
from ignite_domain.warmup.scheduler import Candidates, ColdPair, WarmupScheduler, WarmupStore, actions_for

__all__ = [
    "TIERS",
    "Candidates",
    "ColdPair",
    "Plan",
    "WarmupDay",
    "WarmupScheduler",
    "WarmupStore",
    "actions_for",
    "order_key",
    "plan",
    "tier_mix",
]
