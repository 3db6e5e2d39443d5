"""Twin-path benchmark: times both paths of each place and leaves the constants as they were."""

import json
from pathlib import Path

import pytest

from benchmarks import twin_paths
from shared.arrays import sparse
from shared.ranking import topk


def test_each_path_is_timed_with_and_without_and_left_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = topk._SAMPLE, sparse._MAX_DENSE
    out = tmp_path / "out.json"
    assert twin_paths.main(["--events", "2000", "--rounds", "1", "--out", str(out)]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert len(rows) == len(capsys.readouterr().out.splitlines()) - 1 == 3
    assert all(row["with_ms"] > 0 and row["without_ms"] > 0 for row in rows)
    assert before == (topk._SAMPLE, sparse._MAX_DENSE)
