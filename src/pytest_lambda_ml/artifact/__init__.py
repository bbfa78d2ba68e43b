"""From a handler folder to trained, packaged code."""

from __future__ import annotations

from pytest_lambda_ml.artifact.folder import HandlerFolder, find_handler
from pytest_lambda_ml.artifact.package import Package, build_package
from pytest_lambda_ml.artifact.requirements import check_requirements
from pytest_lambda_ml.artifact.training import TrainingData, train

__all__ = [
    "HandlerFolder",
    "Package",
    "TrainingData",
    "build_package",
    "check_requirements",
    "find_handler",
    "train",
]
