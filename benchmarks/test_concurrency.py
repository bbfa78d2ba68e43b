"""One algorithm over reserved concurrencies (the thesis' Figures 5.10 and 5.11)."""

import pytest


@pytest.mark.lambda_matrix(experiment=("fig-5.10", "fig-5.11"), algorithm=["svm"])
def test_concurrency(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
    result = lambda_benchmark(
        handler=f"handlers/{algorithm}",
        engine=engine,
        memory_mb=memory_mb,
        concurrency=concurrency,
        batch_size=batch_size,
        allow=("out_of_memory",),
    )
    assert result.outcomes.failed == 0
