"""Of the choices called 88 to 92 % sure, 85 to 95 % are right.

Right is the very best cell, of all kinds of runs together: nobody knows beforehand of which kind a
run is. Of one kind alone a probability may be too low (one cell better than all others) or too high
(the best is ahead by a hair's breadth); by how much is printed and bounded too.
"""

from __future__ import annotations

from calibration import FAMILIES, Called, between, call, share_right

from pytest_lambda_ml.analysis.recommend_more import TOO_CLOSE

RUNS = 4000
"""Of each family."""

LEAST_OF_A_KIND = 0.8
BANDS = ((0.3, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 0.88), (0.88, 0.92), (0.92, 0.97), (0.97, 1.0))


def table(name: str, calls: list[Called]) -> None:
    print(f"\n{name}, {len(calls):,} runs\n  called        n   best        n  within 1 %")
    for low, high in BANDS:
        best, equal = between(calls, low, high), between(calls, low, high, said="p_equal")
        right = f"{share_right(best):6.1%}" if best else "      "
        near = f"{share_right(equal, within=TOO_CLOSE):10.1%}" if equal else ""
        print(f"  {low:.2f}-{high:.2f} {len(best):6,} {right}   {len(equal):6,}  {near}")


def test_of_the_choices_called_88_to_92_percent_sure_85_to_95_percent_are_right() -> None:
    calls = {family: [call(family, seed) for seed in range(RUNS)] for family in FAMILIES}
    for family, those in calls.items():
        table(family, those)
    everything = [each for those in calls.values() for each in those]
    table("all", everything)
    assert 0.85 <= share_right(between(everything, 0.88, 0.92)) <= 0.95
    equal = between(everything, 0.88, 0.92, said="p_equal")
    assert 0.85 <= share_right(equal, within=TOO_CLOSE) <= 0.95
    for those in calls.values():
        assert share_right(between(those, 0.88, 0.92)) >= LEAST_OF_A_KIND
        assert share_right(between(those, 0.97, 1)) >= 0.95
