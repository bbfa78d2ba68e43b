"""How a session watches its cells: by which clock and pauses, until when, and who is told."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_lambda_ml.campaign.deadline import INIT_LIMIT_S, Deadline
from pytest_lambda_ml.campaign.keep import heard
from pytest_lambda_ml.campaign.plan import event_age_s, parallel_invocations
from pytest_lambda_ml.campaign.run import CellRun, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lambda_ml.aws.deployed_function import DeployedFunction
    from pytest_lambda_ml.campaign.budget import Allowance
    from pytest_lambda_ml.campaign.clock import Clock
    from pytest_lambda_ml.campaign.correlate import Correlator
    from pytest_lambda_ml.campaign.load import Load
    from pytest_lambda_ml.campaign.site import Site
    from pytest_lambda_ml.model import Configuration
    from pytest_lambda_ml.store.journal import Journal

__all__ = ["LOG_GRACE_S", "Watch", "age_of_events_s"]

LOG_GRACE_S = {"aws": 60.0, "local": 2.0}
POLL_PAUSE_S = {"aws": (1.0, 2.0), "local": (0.5, 0.5)}
"""Between two polls, at random within: AWS takes 5 to 25 calls a second by region, and locally a
poll competes with what is measured."""


def age_of_events_s(site: Site, configuration: Configuration, messages: int) -> int:
    """The maximum age of so many events that are published to a cell at once."""
    parallel = parallel_invocations(configuration, site.backend.capacity_vcpu)
    return event_age_s(messages, parallel=parallel, timeout_s=configuration.timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """``log_grace_s`` is how long a late log line is waited for beyond the derived end."""

    journal: Journal
    clock: Clock
    log_grace_s: float
    on_progress: Callable[[Progress], None]

    def cell_run(
        self,
        site: Site,
        function: DeployedFunction,
        load: Load,
        correlator: Correlator,
        allowance: Allowance | None,
    ) -> CellRun:
        """A cell ready to be carried out, each step of which is written to the journal."""
        messages = load.messages
        configuration, journal = function.configuration, self.journal
        cell_id = configuration.cell_id
        shortest, longest = POLL_PAUSE_S[site.backend.kind]
        jitter = random.SystemRandom()
        age_s = age_of_events_s(site, configuration, max(function.messages, len(messages)))

        def deadline(now_s: float) -> Deadline:
            return Deadline(
                concurrency=configuration.concurrency,
                parallel=parallel_invocations(configuration, site.backend.capacity_vcpu),
                timeout_s=configuration.timeout_s,
                grace_s=self.log_grace_s,
                restarted_at_s=now_s,
                outstanding=len(messages),
                end_of_work_s=now_s + age_s + INIT_LIMIT_S + configuration.timeout_s,
            )

        return CellRun(
            cell_id=cell_id,
            messages=messages,
            source=site.source(function, load),
            correlator=correlator,
            deadline=deadline,
            clock=self.clock,
            pause_s=lambda: jitter.uniform(shortest, longest),
            on_progress=self.on_progress,
            on_published=lambda accepted: journal.write(
                "published", cell_id=cell_id, messages=accepted
            ),
            on_heard=lambda fact: journal.write("heard", cell_id=cell_id, **heard(fact)),
            on_settled=lambda invocation: journal.write(
                "invocation", cell_id=cell_id, invocation=invocation
            ),
            allowance=allowance,
            window=configuration.concurrency if function.bare else None,
        )
