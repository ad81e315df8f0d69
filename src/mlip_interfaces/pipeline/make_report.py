"""Stage ``report``: the HTML page of whatever a run folder holds."""

from __future__ import annotations

from collections.abc import Sequence

from mlip_interfaces.books.campaign import SUMMARY
from mlip_interfaces.books.run import INDEX, ScanIndex, read_optional_book, write_book
from mlip_interfaces.campaign.folder import PARAM
from mlip_interfaces.campaign.summary import summarize_campaign
from mlip_interfaces.labels.teachers import teacher_kind
from mlip_interfaces.pipeline.stale_runs import stale_runs
from mlip_interfaces.report.page import write_report
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.folder import STUDY_FILE


def run_report(context: RunContext, changed_stages: Sequence[str]) -> str:
    """Write ``index.html`` and what goes with it; elsewhere, with the campaign as its ``summary.json`` has it.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    changed_stages : sequence of str
        Stages that were made for another study than that of the context.

    Returns
    -------
    str
        The page and its size.

    Raises
    ------
    InputFileError
        If a file of the run is damaged.
    """
    if context.results is None:
        _refresh_campaign_summary(context)
    scan = read_optional_book(ScanIndex, context.scan / INDEX) or ScanIndex()
    page = write_report(
        context.root,
        study_name=context.study.name,
        study_text=(context.root / STUDY_FILE).read_text(),
        teacher_kind=teacher_kind(context.study.labels.calculator),
        directory=context.report,
        stale=stale_runs(context, scan.runs),
        changed_stages=changed_stages,
    )
    return f"{page} ({page.stat().st_size / 1e6:.1f} MB)"


def _refresh_campaign_summary(context: RunContext) -> None:
    """A campaign in the middle of an iteration, or of an older version, is shown as it is now."""
    if (context.campaign / PARAM).is_file():
        write_book(context.campaign / SUMMARY, summarize_campaign(context))
