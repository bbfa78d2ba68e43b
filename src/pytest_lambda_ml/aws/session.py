"""The boto3 clients of one session, for AWS or for an AWS-shaped endpoint."""

from __future__ import annotations

__all__ = ["AwsClients"]


class AwsClients:
    """One client per service, all created on the thread that constructs this object.

    ``endpoint_url`` points every service at one endpoint. With ``dummy_credentials`` no profile,
    environment variable or metadata service is asked for credentials. ``profile`` names a profile
    of the user's AWS configuration.
    """

    def __init__(
        self,
        region: str,
        endpoint_url: str | None = None,
        profile: str | None = None,
        *,
        dummy_credentials: bool = False,
    ) -> None:
        self.region = region
