"""How often the gate fails for nothing: simulated runs of 63 cells, and real runs back to back.

The real runs take a while: ``GATE_PAIRS=20 make perf PERF_ARGS="-k gate"`` makes twenty pairs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from run_cells import durations

from pytest_lambda_ml.analysis.compare import compare_runs, judge
from pytest_lambda_ml.analysis.comparison import Verdict
from pytest_lambda_ml.analysis.gate import parse_limits
from pytest_lambda_ml.analysis.load import load_run
from pytest_lambda_ml.analysis.resample import Pair, adjusted_p_values, bootstrap_interval
from pytest_lambda_ml.store.find_run import run_folders

CELLS, WARM = 63, 90
SIMULATED = int(os.environ.get("GATE_SIMULATIONS", "1000"))
OPERATING = int(os.environ.get("GATE_OPERATING", "400"))
PAIRS = int(os.environ.get("GATE_PAIRS", "0"))
LIMITS = ("cost:5%", "p95:10%")
TYPICAL_MS = np.geomspace(4.0, 400.0, CELLS)


@pytest.mark.parametrize("quantiles", [(None,), (None, 0.95)], ids=["cost", "cost and p95"])
def test_of_a_thousand_pairs_of_the_same_at_most_one_in_twenty_fails(quantiles) -> None:
    """Skewed durations in whole ms with stalls. What fails without a limit is printed beside."""
    count = SIMULATED if len(quantiles) == 1 else SIMULATED // 10
    chance = alarms = 0
    for seed in range(count):
        rng = np.random.default_rng(seed)
        samples = [
            (durations(rng, WARM, typical), durations(rng, WARM, typical)) for typical in TYPICAL_MS
        ]
        pairs = [Pair(base, new, q) for base, new in samples for q in quantiles]
        p_values = adjusted_p_values(pairs, seed=seed, rounds=1000)
        ratios = np.array([pair.ratio for pair in pairs])
        grown = np.flatnonzero((p_values <= 0.05) & (ratios > 1.0))
        chance += bool(grown.size)
        alarms += any(verdict(pairs[n], p_values[n]) is Verdict.REGRESSED for n in grown)
    print(
        f"\n{count} comparisons of {len(pairs)} samples: {alarms / count:.1%} fail with a limit of "
        f"5%, {chance / count:.1%} without"
    )
    assert alarms <= 0.05 * count + 2.0 * np.sqrt(0.05 * count)  # what 1,000 tell of 5 %
    assert chance <= 0.05 * count + 3.0 * np.sqrt(0.05 * count)


def verdict(pair: Pair, p_value: float) -> Verdict:
    return judge(bootstrap_interval(pair, seed=1), float(p_value), 0.05)


@pytest.mark.parametrize("warm", [16, 90])
def test_how_often_growth_fails_the_gate(warm) -> None:
    """One cell of 40, as many as `make bench` has, grows; the limit is 5 %.

    Durations spread by an eighth of their mean, as those of `make bench` do.
    """
    cells, told = 40, {}
    for growth in (0.0, 0.025, 0.049, 0.075, 0.1, 0.2, 0.3):
        found = 0
        for seed in range(OPERATING):
            rng = np.random.default_rng(seed)
            pairs = [
                Pair(*(rng.gamma(64.0, factor, warm) for factor in (1.0, 1.0 + growth * (n == 0))))
                for n in range(cells)
            ]
            p_values = adjusted_p_values(pairs, seed=seed, rounds=500)
            found += verdict(pairs[0], p_values[0]) is Verdict.REGRESSED
        told[growth] = found / OPERATING
        print(f"\n{warm} warm, {growth:+.1%}: {told[growth]:.1%} fail", end="")
    slack = 3.0 * np.sqrt(0.05 / OPERATING)
    assert told[0.0] <= 0.05 + slack
    assert told[0.049] <= 0.05 + slack
    assert told[0.3] >= 0.9
    assert told[0.2] >= (0.9 if warm == 90 else 0.5)


@pytest.mark.skipif(not PAIRS, reason="GATE_PAIRS sets how many pairs of real runs are made")
def test_real_runs_back_to_back_seldom_fail(tmp_path: Path) -> None:
    """Pairs of `pytest benchmarks/ -k "k-means and 512"` on the local endpoint."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "benchmarks"]
    chosen = ["-k", os.environ.get("GATE_SELECT", "k-means and 512"), "--lambda-dir", str(tmp_path)]
    for _ in range(2 * PAIRS):
        ended = subprocess.run([*command, *chosen], check=False, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    runs = [load_run(folder, tmp_path) for folder in run_folders(tmp_path)]
    limits = parse_limits(LIMITS, place="here")
    alarms, told = 0, []
    for base, new in zip(runs[::2], runs[1::2], strict=True):
        comparison = compare_runs(base, new, limits)
        alarms += bool(comparison.regressions)
        told.append([row.verdict for row in comparison.rows])
        ratios = ", ".join(f"{row.ratio - 1:+.1%}" for row in comparison.rows if row.ratio)
        print(f"\nCPU loop {comparison.cpu_loop_ratio}: {ratios}: {told[-1]}", end="")
    decided = sum(v is not Verdict.INCONCLUSIVE for verdicts in told for v in verdicts)
    print(f"\n{alarms} of {PAIRS} pairs fail; {decided} verdicts are conclusive")
    assert alarms <= max(0.05 * PAIRS, 1)
