"""From a handler folder to trained, packaged code."""

from __future__ import annotations

from pytest_lambda_ml.artifact.folder import REFERENCE, HandlerFolder, find_handler
from pytest_lambda_ml.artifact.handler_code import check_handler
from pytest_lambda_ml.artifact.image import Image, Layer
from pytest_lambda_ml.artifact.outputs import outputs_here
from pytest_lambda_ml.artifact.package import ExternalArtifact, Package, build_package
from pytest_lambda_ml.artifact.requirements import check_requirements
from pytest_lambda_ml.artifact.target import Target, host_target
from pytest_lambda_ml.artifact.training import TrainingData, train

__all__ = [
    "REFERENCE",
    "ExternalArtifact",
    "HandlerFolder",
    "Image",
    "Layer",
    "Package",
    "Target",
    "TrainingData",
    "build_package",
    "check_handler",
    "check_requirements",
    "find_handler",
    "host_target",
    "outputs_here",
    "train",
]
