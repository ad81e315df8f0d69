"""Crystals on one lateral cell: one given pair of planes, or the best of all."""

from __future__ import annotations

from mlip_interfaces.structures.matching.common_cells import Strain, Strained
from mlip_interfaces.structures.matching.match import MatchedStack, SlabRequest, match_slabs, oriented_bulk
from mlip_interfaces.structures.matching.search import MatchCandidate, plane_label, rank_matches, write_matches_csv

__all__ = [
    "MatchCandidate",
    "MatchedStack",
    "SlabRequest",
    "Strain",
    "Strained",
    "match_slabs",
    "oriented_bulk",
    "plane_label",
    "rank_matches",
    "write_matches_csv",
]
