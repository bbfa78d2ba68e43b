"""How many requests of a given traffic meet a cold start: the model and its assumptions. Pure.

Requests arrive independently of each other, at the same mean rate all day (a Poisson process), so
the number of busy environments is Poisson distributed with mean a = rate × duration. A request
that finds k - 1 of them busy needs a k-th. Lambda removes an environment after a fixed time without
work, and the k-th was needed before at the rate × P(k - 1 busy), so it is gone with probability
exp(-rate × P(k - 1 busy) × idle time). Compared with a simulation, the share is right within a few
percent while one environment does the work, and within a factor of two where several do. Bursts,
deployments and the replacement of environments by AWS come on top; they make more cold starts than
this says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["DAYS_PER_MONTH", "IDLE_MINUTES", "Traffic", "cold_share"]

IDLE_MINUTES = 10.0
"""How long an idle environment is kept. AWS does not document it; independent measurements saw 5
to 60 minutes over the years (https://mikhail.io/2019/08/aws-lambda-cold-starts-after-10-minutes/
is one)."""

DAYS_PER_MONTH = 365 / 12
"""As the AWS Pricing Calculator counts a month (730 hours)."""

_S_PER_DAY = 86_400
_S_PER_MINUTE = 60
_MS_PER_S = 1000


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the user's application asks of the function.

    ``requests_per_day`` counts items to be predicted: a batch of 100 serves 100 of them with one
    invocation, so that configurations of any batch size are compared at the same work.
    """

    requests_per_day: float = 100_000
    idle_minutes: float = IDLE_MINUTES

    def invocations_per_month(self, batch_size: int) -> float:
        """How many invocations serve a month's requests."""
        return self.requests_per_day * DAYS_PER_MONTH / batch_size

    def cold_share(self, batch_size: int, duration_ms: float) -> float:
        """The share of invocations that are cold when a warm one lasts ``duration_ms``."""
        rate_per_s = self.requests_per_day / batch_size / _S_PER_DAY
        return cold_share(rate_per_s, duration_ms / _MS_PER_S, self.idle_minutes * _S_PER_MINUTE)


def cold_share(rate_per_s: float, duration_s: float, idle_s: float) -> float:
    """The share of requests that are cold, from 0 to 1; see the module for the model."""
    load = rate_per_s * duration_s
    spread = 12 * math.sqrt(load) + 12
    cold = 0.0
    for busy in range(max(math.floor(load - spread), 0), math.ceil(load + spread)):
        finds_busy = math.exp(busy * math.log(load) - load - math.lgamma(busy + 1)) if load else 1.0
        cold += finds_busy * math.exp(-rate_per_s * finds_busy * idle_s)
        if not load:
            break
    return min(cold, 1.0)
