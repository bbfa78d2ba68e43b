"""The tests' own surroundings."""

from __future__ import annotations

from pathlib import Path

import pytest
from platformdirs import user_data_path

from pytest_lambda_ml.measure.price_table import user_price_file


def test_the_user_s_own_price_table_is_out_of_the_tests_sight(
    example, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not user_price_file().exists()
    here = user_data_path("pytest-lambda-ml", appauthor=False)
    code = "from pytest_lambda_ml.measure.price_table import user_price_file as f; print(f())"
    got = example({}).run("python", "-c", code)
    assert Path(got.text.strip()).parent == here, "what tests start sees the same"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert user_data_path("pytest-lambda-ml", appauthor=False) != here
