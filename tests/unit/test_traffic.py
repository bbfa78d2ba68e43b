"""The share of cold requests, against a simulation of environments that come and go."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from pytest_lambda_ml.analysis.traffic import Traffic, cold_share


def simulated(rate_per_s: float, duration_s: float, idle_s: float, requests: int = 30_000) -> float:
    """Poisson arrivals; the environment used last among the idle ones serves; idle ones expire."""
    generator = np.random.default_rng(7)
    busy: list[float] = []
    idle: list[float] = []
    now, cold = 0.0, 0
    for gap in generator.exponential(1 / rate_per_s, requests):
        now += gap
        while busy and busy[0] <= now:
            idle.append(heapq.heappop(busy))
        idle = [freed for freed in idle if freed > now - idle_s]
        if idle:
            idle.remove(max(idle))
        else:
            cold += 1
        heapq.heappush(busy, now + duration_s)
    return cold / requests


@pytest.mark.parametrize(
    ("rate_per_s", "duration_s"), [(1 / 3600, 0.1), (1 / 600, 0.1), (1 / 300, 1.0)]
)
def test_one_environment_is_cold_as_often_as_in_a_simulation(
    rate_per_s: float, duration_s: float
) -> None:
    expected = simulated(rate_per_s, duration_s, 600)
    assert cold_share(rate_per_s, duration_s, 600) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize(("rate_per_s", "duration_s"), [(1 / 60, 20), (1 / 60, 60), (0.1, 30)])
def test_several_environments_are_cold_as_often_within_a_factor_of_two(
    rate_per_s: float, duration_s: float
) -> None:
    expected = simulated(rate_per_s, duration_s, 600)
    assert expected / 2 < cold_share(rate_per_s, duration_s, 600) < expected * 2


def test_no_traffic_to_speak_of_is_always_cold_and_much_of_it_hardly_ever() -> None:
    assert cold_share(1e-9, 0.1, 600) == pytest.approx(1.0)
    assert cold_share(100, 0.5, 600) < 0.001
    assert cold_share(1, 0.0, 600) < 0.001


def test_a_batch_serves_as_many_requests_with_one_invocation() -> None:
    traffic = Traffic(requests_per_day=2400)
    assert traffic.invocations_per_month(1) == pytest.approx(73_000)
    assert traffic.invocations_per_month(100) == pytest.approx(730)
    assert traffic.cold_share(100, 10) > traffic.cold_share(1, 10)
