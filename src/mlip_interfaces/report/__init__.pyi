from .headline import Headline, collect_results, limitations
from .page import write_report

__all__ = ["Headline", "collect_results", "limitations", "write_report"]
