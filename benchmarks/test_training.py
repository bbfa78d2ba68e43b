"""Training over functions (the thesis' future work): one logistic regression over 1 to 8 of them.

It takes minutes, so it is in the thesis preset only; see docs/training.md.
"""

import pytest


@pytest.mark.lambda_matrix(experiment="training", algorithm=["logistic-regression-training"])
def test_training(lambda_training, algorithm, engine, memory_mb, concurrency):
    lambda_training.train(
        f"handlers/{algorithm}", engine=engine, functions=concurrency, memory_mb=memory_mb
    )
    assert abs(lambda_training.training["accuracy_difference"]) < 0.01
