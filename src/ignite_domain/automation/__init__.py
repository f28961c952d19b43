"""Flows: what happens to a person, over time, because something happened to them."""

from ignite_domain.automation.engine import FlowEngine
from ignite_domain.automation.flow import (
    Due,
    ExecutionState,
    FlowDraft,
    FlowStatus,
    Move,
    Step,
    StepKind,
    advance,
    checked_steps,
    in_share,
)
from ignite_domain.automation.ports import FlowStore, FlowView

__all__ = [
    "Due",
    "ExecutionState",
    "FlowDraft",
    "FlowEngine",
    "FlowStatus",
    "FlowStore",
    "FlowView",
    "Move",
    "Step",
    "StepKind",
    "advance",
    "checked_steps",
    "in_share",
]
