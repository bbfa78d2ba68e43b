"""Classification over memory sizes (the thesis' Figures 5.6 to 5.8), as the thesis
executed it and as fast as it goes."""

import pytest


@pytest.mark.lambda_matrix(
    experiment=("fig-5.6", "fig-5.7", "fig-5.8", "small-functions"),
    algorithm=["logistic-regression", "svm", "random-forest"],
    engine=["reference", "fast"],
)
def test_supervised(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
    result = lambda_benchmark(
        handler=f"handlers/{algorithm}",
        engine=engine,
        memory_mb=memory_mb,
        concurrency=concurrency,
        batch_size=batch_size,
        allow=("out_of_memory",),  # the smallest sizes may not hold scikit-learn
    )
    assert result.outcomes.failed == 0
