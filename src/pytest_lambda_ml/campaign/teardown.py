"""Who does what when a run ends, by itself or by Ctrl-C: the order (pure), and the deed.

A function that was there before gets its settings back before anything else. Then every way in is
closed, what is running is stopped, functions go and last what they wrote to: an event still queued
dies with its function, and no late log line brings a group back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_lambda_ml.aws.ledger import Kind, Resource
from pytest_lambda_ml.aws.removal import Action, perform
from pytest_lambda_ml.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lambda_ml.aws.ledger import Ledger
    from pytest_lambda_ml.aws.session import AwsClients

__all__ = ["Step", "purge_hint", "tear_down", "teardown_steps"]

_ACTIONS: dict[Kind, tuple[Action, ...]] = {
    Kind.SUBSCRIPTION: (Action.UNSUBSCRIBE,),
    Kind.FUNCTION: (Action.STOP_FUNCTION, Action.DELETE_FUNCTION),
    Kind.TOPIC: (Action.DELETE_TOPIC,),
    Kind.LOG_GROUP: (Action.DELETE_LOG_GROUP, Action.DELETE_LATE_LOG_GROUP),
    Kind.QUEUE: (Action.DELETE_QUEUE,),
    Kind.BUCKET: (Action.DELETE_BUCKET,),
    Kind.ROLE: (Action.DELETE_ROLE,),
    Kind.REPOSITORY: (Action.DELETE_REPOSITORY,),
    Kind.OBJECTS: (Action.DELETE_OBJECTS,),
    Kind.TASK: (Action.STOP_TASK,),
    Kind.SETTINGS: (Action.PUT_SETTINGS_BACK,),
    Kind.VERSION: (Action.DELETE_VERSION,),
    Kind.ALIAS: (Action.DELETE_ALIAS,),
    Kind.STATEMENT: (Action.REMOVE_STATEMENT,),
}

_ORDER = (
    Action.PUT_SETTINGS_BACK,
    Action.STOP_TASK,
    Action.UNSUBSCRIBE,
    Action.REMOVE_STATEMENT,
    Action.DELETE_ALIAS,
    Action.DELETE_VERSION,
    Action.STOP_FUNCTION,
    Action.DELETE_FUNCTION,
    Action.DELETE_LOG_GROUP,
    Action.DELETE_TOPIC,
    Action.DELETE_QUEUE,
    Action.DELETE_OBJECTS,
    Action.DELETE_BUCKET,
    Action.DELETE_REPOSITORY,
    Action.DELETE_ROLE,
    Action.DELETE_LATE_LOG_GROUP,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a teardown; ``last`` when the resource is gone after it."""

    action: Action
    resource: Resource
    last: bool


def teardown_steps(resources: Iterable[Resource]) -> tuple[Step, ...]:
    """The steps that remove these resources, given in the order of their creation."""
    newest_first = list(reversed(list(resources)))
    return tuple(
        Step(action, resource, last=_ACTIONS[resource.kind][-1] is action)
        for action in _ORDER
        for resource in newest_first
        if action in _ACTIONS[resource.kind]
    )


def purge_hint(run_id: str) -> str:
    """What to type when the teardown could not be finished."""
    return f"pytest-lambda-ml purge --run {run_id} --yes"


def tear_down(
    clients: AwsClients, ledger: Ledger | None, resources: Iterable[Resource], *, run_id: str
) -> None:
    """Take every step, those after a failed one too, and strike out in the ledger what is gone.

    A run that is purged from another machine has no ledger here.

    Raises `BackendError` naming what failed; those resources stay in the ledger.
    """
    problems: dict[Resource, str] = {}
    for step in teardown_steps(resources):
        try:
            perform(clients, step.action, step.resource.id)
        except BackendError as error:
            problems.setdefault(step.resource, str(error))
            continue
        if step.last:  # gone, also where a step before was refused
            problems.pop(step.resource, None)
            if ledger is not None:
                ledger.deleted(step.resource)
    if problems:
        raise BackendError(
            f"{len(problems)} resources of run {run_id} may be left: "
            f"{'; '.join(problems.values())}. To delete them: {purge_hint(run_id)}"
        )
