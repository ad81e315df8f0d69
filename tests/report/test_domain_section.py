"""Section on whether production stayed in the model's domain, and its figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_runs import DOMAIN, SCAN, Pictures, made, run_domain, write_stages

from mlip_interfaces.books.domain import DOMAIN_FILE, DomainIndex
from mlip_interfaces.figures.domain_plots import deviation_over_time
from mlip_interfaces.files import write_json
from mlip_interfaces.report.domain_section import domain_section
from mlip_interfaces.report.headline import collect_results, limitations

STAYED, LEFT, UNSEEN = (run.name for run in DOMAIN.runs)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stages(tmp_path_factory.mktemp("run"))


def test_a_scan_that_nobody_looked_at_says_so_and_how_to(tmp_path: Path) -> None:
    pictures = Pictures()
    section = domain_section(tmp_path, pictures)
    assert "No run has been looked at" in section.absent
    assert "`mlip-interfaces scan domain`" in section.absent
    assert not pictures.figures
    assert not section.tables


def test_each_run_has_its_verdict_with_the_numbers_behind_it(run: Path) -> None:
    pictures = Pictures()
    section = domain_section(run, pictures)
    assert section.tables[0].rows == [
        [STAYED, "inside", "0.1, 0.2, 0.2", "", ""],
        [LEFT, "leaves at 1 ps", "0.1, 0.4, no number", "-21.0 → 57.0", "90 → 410"],
        [UNSEEN, "not looked at", "", "", ""],
    ]
    assert "upper trust level of 0.3 eV/Å (the lower one is 0.15)" in section.paragraphs[0]
    assert "more than 20 meV/atom" in section.paragraphs[0]
    assert section.points == [
        f"{LEFT}: from 1 ps on, 2 of 2 frames deviate by more than the upper trust level of 0.3 eV/Å.",
        f"{LEFT}: the label task.05A.hot.seed-1.000010 was not made: SCF did not converge.",
        f"Not judged by a committee ({UNSEEN}): the run has no frame.",
        f"Not compared with labels ({STAYED}, {UNSEEN}): none was asked for.",
    ]


def test_the_figure_has_a_line_per_run_dashed_where_it_leaves_and_both_levels(run: Path) -> None:
    pictures = Pictures()
    domain_section(run, pictures)
    (ax,) = pictures.figures["domain"].axes
    lines = {line.get_label(): line for line in ax.lines}
    stayed, left = lines["0 Å"], lines["5 Å (leaves)"]
    np.testing.assert_allclose(stayed.get_xydata(), [[0, 0.1], [1, 0.3], [2, 0.2]], rtol=1e-12, atol=0)
    np.testing.assert_allclose(left.get_ydata()[:2], [0.1, 0.4], rtol=1e-12, atol=0)
    assert (stayed.get_linestyle(), left.get_linestyle()) == ("-", "--")
    assert [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == ":"] == [0.15, 0.3]
    assert deviation_over_time([], 0.1, 0.2).axes[0].texts[0].get_text() == "no run was judged by the committee"


def test_runs_that_leave_and_runs_that_nobody_saw_are_limits(run: Path, tmp_path: Path) -> None:
    said = limitations(run, collect_results(run), "dft")
    assert any(f"what they show from then on is extrapolation: {LEFT} at 1 ps." in sentence for sentence in said)
    (unknown,) = (sentence for sentence in said if sentence.startswith("Nothing says"))
    assert [one.name for one in SCAN if one.name in unknown] == [
        one.name for one in SCAN if one.name not in (STAYED, LEFT)
    ]
    inside = DomainIndex(max_energy_drift_mev_per_atom=20.0, runs=tuple(run_domain(one.name) for one in SCAN))
    write_stages(tmp_path)
    write_json(made(tmp_path / "scan") / DOMAIN_FILE, inside.to_json())
    assert not [
        sentence for sentence in limitations(tmp_path, collect_results(tmp_path), "dft") if "domain" in sentence
    ]


def test_results_have_the_verdict_of_each_run(run: Path) -> None:
    assert collect_results(run).domain == {STAYED: "inside", LEFT: "leaves", UNSEEN: "not looked at"}


def test_the_line_of_a_stage_names_who_leaves_and_counts_who_was_not_seen() -> None:
    assert DOMAIN.sentence == f"1 of 3 leave the model's domain: {LEFT}; 1 not looked at"
    many = DomainIndex(
        max_energy_drift_mev_per_atom=20.0, runs=tuple(run_domain(f"r{k}", verdict="leaves") for k in range(9))
    )
    assert many.sentence == "9 of 9 leave the model's domain: r0, r1, r2, r3, r4 ..."
