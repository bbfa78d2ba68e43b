"""Of the choices called 88 to 92 % sure, 85 to 95 % are right.

Right is what P(best) speaks of: no cell is more than 1 % better. Where the best cell is not ahead
by a hair's breadth only, the choice is also that very cell as often.
"""

from __future__ import annotations

from calibration import FAMILIES, Called, between, call, share_right

from pytest_lambda_ml.analysis.recommend_more import TOO_CLOSE

RUNS = 6000
"""Of each family."""

BANDS = ((0.3, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 0.88), (0.88, 0.92), (0.92, 0.97), (0.97, 1.0))


def table(name: str, calls: list[Called]) -> None:
    print(f"\n{name}, {len(calls):,} runs\n  called         n  right  within 1 %")
    for low, high in BANDS:
        those = between(calls, low, high)
        right, near = share_right(those), share_right(those, within=0.01)
        print(f"  {low:.2f}-{high:.2f} {len(those):6,}  {right:5.1%}  {near:10.1%}")


def test_of_the_choices_called_88_to_92_percent_sure_85_to_95_percent_are_right() -> None:
    calls = {family: [call(family, seed) for seed in range(RUNS)] for family in FAMILIES}
    for family, those in calls.items():
        table(family, those)
    everything = [each for those in calls.values() for each in those]
    table("all", everything)
    for those in (*calls.values(), everything):
        assert 0.85 <= share_right(between(those, 0.88, 0.92), within=TOO_CLOSE) <= 0.95
    apart = [*calls["spread"], *calls["one better"]]
    assert 0.85 <= share_right(between(apart, 0.88, 0.92)) <= 0.95
