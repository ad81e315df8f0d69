"""Results of a run folder to one self-contained HTML page."""
