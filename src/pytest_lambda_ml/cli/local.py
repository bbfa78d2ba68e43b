"""`pytest-lambda-ml local`: the Lambda endpoint in the foreground, for any AWS client."""

from __future__ import annotations

import click

__all__ = ["local"]


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port to listen on, on the loopback interface; a free one by default.",
)
def local(port: int) -> None:
    """Run the local Lambda endpoint until Ctrl-C.

    Prints one line of JSON with its URL when it can be used. Any AWS client can use it, and so can
    the benchmarks: pytest benchmarks/ --aws-endpoint-url URL
    """
    from pytest_lambda_ml.local.server import serve

    serve(port=port)
