"""Model size benchmark: codes of 8 bits, and the three forms of a small model."""

import json
from pathlib import Path

import numpy as np

from benchmarks import artifact


def test_codes_have_a_scale_for_each_row_and_each_neighbour_list() -> None:
    arrays = {
        "a.vectors": np.array([[1, -0.5], [100, 3], [0, 0]], np.float16),
        "b.starts": np.array([0, 2, 2, 3]),
        "b.weights": np.array([4, 1, 0.25], np.float16),
        "c.sums": np.array([1.5], np.float32),
    }
    coded, saved = artifact._coded(arrays)
    assert saved == (6 - 3 * 2) + (3 - 3 * 2)
    np.testing.assert_allclose(coded["a.vectors"], np.array([[1, -0.5039], [100, 3.15], [0, 0]]), rtol=1e-3)
    np.testing.assert_allclose(coded["b.weights"], [4, 1.008, 0.25], rtol=1e-3)
    assert coded["c.sums"] is arrays["c.sums"]


def test_neighbours_that_are_over_change_no_score(tmp_path: Path) -> None:
    out = tmp_path / "artifact.json"
    assert artifact.main(["--interactions", "6000", "--users", "20", "--out", str(out)]) == 0
    forms = json.loads(out.read_text())["forms"]
    assert forms["all neighbours"]["same_scores"]
    assert forms["all neighbours"]["overlap"] == 1
    assert forms["all neighbours"]["bytes"] > forms["as published"]["bytes"] > forms["codes of 8 bits"]["bytes"]
    assert forms["codes of 8 bits"]["overlap"] > 0.9
