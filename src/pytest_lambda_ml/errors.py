"""The exception tree. Every message says what is wrong, where, and what to do next.

At pytest's edge a `SettingError` becomes a `pytest.UsageError`; every other `LambdaMLError` that
leaves a test's call fails that test with its message alone.
"""

__all__ = [
    "ArtifactError",
    "BackendError",
    "BudgetError",
    "CellFailedError",
    "DatasetError",
    "DeploymentError",
    "EndpointError",
    "HandlerError",
    "LambdaMLError",
    "MessageTooLargeError",
    "PriceError",
    "PublishError",
    "RunStoreError",
    "SettingError",
    "UnsupportedError",
]


class LambdaMLError(Exception):
    """Base of all errors that this package raises on purpose."""


class SettingError(LambdaMLError):
    """An option, ini key, environment variable or marker has a value that is not legal."""


class DatasetError(LambdaMLError):
    """A data set is missing, unreadable, or has not the columns that its kind needs."""


class PriceError(LambdaMLError):
    """The price table has no entry for a region or an architecture."""


class ArtifactError(LambdaMLError):
    """A handler folder could not be trained or packaged."""


class HandlerError(ArtifactError):
    """A handler folder was not found, or lacks a file that every handler folder has."""


class UnsupportedError(ArtifactError):
    """A handler's requirements are not installed here; the test is skipped with this message."""


class BackendError(LambdaMLError):
    """AWS, or the endpoint that stands in for it, refused or failed a call."""


class EndpointError(BackendError):
    """The local Lambda endpoint did not start, or ended while it was needed."""


class DeploymentError(BackendError):
    """A function or one of the resources around it could not be created."""


class PublishError(BackendError):
    """Messages could not be published."""


class MessageTooLargeError(PublishError):
    """One batch alone exceeds what a message may carry."""


class RunStoreError(LambdaMLError):
    """A stored run is missing or unreadable."""


class BudgetError(LambdaMLError):
    """Publishing stopped because the budget was spent."""


class CellFailedError(LambdaMLError):
    """A cell ended with outcomes that its test does not allow."""
