"""Studies with something wrong in them, five hundred of them: each is read, or refused in a sentence that names the file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from mutations import mutated

from mlip_interfaces.cli.main import main

N_STUDIES, N_GROUPS = 500, 10
SOURCES = (
    "configs/demo.yaml",
    "configs/lco_lif_lpscl.yaml",
    "configs/li_li7p3s11.yaml",
    "tests/studies/miniature.yaml",
)


@pytest.fixture(scope="module")
def texts(repository: Path) -> list[str]:
    return [(repository / source).read_text() for source in SOURCES]


@pytest.fixture(autouse=True)
def _teachers(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repository / "tests" / "teachers"))


@pytest.mark.parametrize("group", range(N_GROUPS))
def test_mutated_study_is_read_or_refused_in_a_sentence(
    texts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], group: int
) -> None:
    refused = 0
    for seed in range(group, N_STUDIES, N_GROUPS):
        rng = random.Random(seed)
        name, content = mutated(rng.choice(texts), rng)
        file = tmp_path / f"study-{seed}.yaml"
        file.write_bytes(content)
        # A traceback would come out of here.
        code = main(["config", "check", str(file)])
        said = capsys.readouterr()
        what = f"seed {seed}, {name}: {said.err}"
        assert code in (0, 2), what
        if code == 2:
            refused += 1
            assert said.out == "", what
            assert said.err.startswith(f"mlip-interfaces: {file}"), what
            assert len(said.err.splitlines()) <= 21, what
            assert max(map(len, said.err.splitlines())) < 1000, what
        else:
            assert "is valid" in said.out, what
        file.unlink()
    # Most of what is drawn makes a study wrong.
    assert refused > N_STUDIES / N_GROUPS / 2
