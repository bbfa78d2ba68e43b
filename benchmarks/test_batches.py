"""What an item costs over batch sizes: an invocation is the cheaper the more it does."""

import pytest


@pytest.mark.lambda_matrix(
    experiment="batches",
    algorithm=["k-means", "gaussian-mixture", "pca", "logistic-regression", "svm", "random-forest"],
    engine=["reference", "fast"],
)
def test_batches(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
    result = lambda_benchmark(
        handler=f"handlers/{algorithm}",
        engine=engine,
        memory_mb=memory_mb,
        concurrency=concurrency,
        batch_size=batch_size,
        allow=("out_of_memory",),  # dense counts of a large batch, for example
    )
    assert result.outcomes.failed == 0
