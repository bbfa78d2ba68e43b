"""How a cell's requests are tied to its messages, and what shows that one went well. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pytest_lambda_ml.aws.deployed_function import DeployedFunction

__all__ = ["WRAPPED", "Accounting", "accounting_of"]

Tie = Literal["records", "message ids", "answers", "streams"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """``tie`` says how it becomes known which request carries which message.

    ============ ===============================================================================
    records      the wrapper logs it, and the failure queue's records say it
    message ids  an asynchronous Invoke returned the request id as the message's id
    answers      a synchronous answer, or a destination's record, says it
    streams      nothing does: the requests in the log streams of ``version``, which nothing else
                 invokes, are taken for the messages one by one
    ============ ===============================================================================

    ``bare`` functions have no wrapper. ``answered`` says that each success leaves an answer or a
    record; where it is ``False`` a REPORT with nothing wrong is all that shows it. ``fresh`` says
    that every environment of the function began in this cell.
    """

    tie: Tie = "records"
    bare: bool = False
    answered: bool = True
    fresh: bool = True
    version: str | None = None


WRAPPED = Accounting()
"""A handler with the wrapper, invoked through SNS."""


def accounting_of(function: DeployedFunction) -> Accounting:
    """How the messages of a function are accounted for."""
    trigger = function.configuration.trigger
    if not function.bare:
        return Accounting(tie="message ids") if trigger == "async" else WRAPPED
    tie: Tie = "message ids" if trigger == "async" else "answers"
    if trigger == "sns" and not function.answered:
        tie = "streams"
    return Accounting(
        tie=tie,
        bare=True,
        answered=function.answered,
        fresh=function.version is not None,
        version=function.version,
    )
