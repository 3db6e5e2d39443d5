"""Benchmark of deep models: without PyTorch it says what to install."""

import pytest

from benchmarks.deep import main
from shared.deep.extra import is_installed


@pytest.mark.skipif(is_installed(), reason="PyTorch is installed")
def test_without_pytorch_it_says_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "pip install --require-hashes -r requirements-deep.txt" in capsys.readouterr().err
