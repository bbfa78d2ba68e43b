"""Bundled corpora, files and URLs as the data that handlers are trained on and invoked with."""

from __future__ import annotations

from pytest_lambda_ml.datasets.loading import KINDS, Dataset, load_dataset

__all__ = ["KINDS", "Dataset", "load_dataset"]
