"""A Lambda endpoint on this machine that really runs the handlers."""

from pytest_lambda_ml.local.endpoint import Endpoint, start_endpoint
from pytest_lambda_ml.local.info import EndpointInfo

__all__ = ["Endpoint", "EndpointInfo", "start_endpoint"]
