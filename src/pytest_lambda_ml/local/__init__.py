"""A Lambda endpoint on this machine that really runs the handlers."""

from pytest_lambda_ml.local.endpoint import Endpoint, ask_endpoint, start_endpoint
from pytest_lambda_ml.local.info import EndpointInfo

__all__ = ["Endpoint", "EndpointInfo", "ask_endpoint", "start_endpoint"]
