"""Clustering and dimensionality reduction over memory sizes (the thesis' Figures 5.3 to 5.5),
as the thesis executed them and as fast as they go."""

import pytest


@pytest.mark.lambda_matrix(
    experiment=("fig-5.3", "fig-5.4", "fig-5.5", "small-functions"),
    algorithm=["k-means", "gaussian-mixture", "pca"],
    engine=["reference", "fast"],
)
def test_unsupervised(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
    result = lambda_benchmark(
        handler=f"handlers/{algorithm}",
        engine=engine,
        memory_mb=memory_mb,
        concurrency=concurrency,
        batch_size=batch_size,
        allow=("out_of_memory", "timed_out"),  # the mixture's dense model does not fit everywhere
    )
    assert result.outcomes.failed == 0
