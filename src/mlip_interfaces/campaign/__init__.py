"""DP-GEN's active learning: what comes next, what the folder says, the campaign in numbers, DP-GEN's files and launcher."""

from mlip_interfaces.books.campaign import (
    SUMMARY,
    CampaignSummary,
    Hint,
    IterationSummary,
    LabelsSummary,
    StepDecision,
    TrustDecision,
)
from mlip_interfaces.campaign.control import Decision, FrameCounts, IterationOutcome, Limits, decide, trust_levels
from mlip_interfaces.campaign.text import status_lines

__all__ = [
    "SUMMARY",
    "CampaignSummary",
    "Decision",
    "FrameCounts",
    "Hint",
    "IterationOutcome",
    "IterationSummary",
    "LabelsSummary",
    "Limits",
    "StepDecision",
    "TrustDecision",
    "decide",
    "status_lines",
    "trust_levels",
]
