"""Phase diagrams: what is stable against lithium, windows, reactions of a pair."""
