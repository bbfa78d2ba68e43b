"""A small language model over memory sizes, one question at a time (the thesis' Figure 5.9)."""

import pytest


@pytest.mark.lambda_matrix(experiment="fig-5.9", algorithm=["tiny-llama-v0"])
def test_language_model(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
    result = lambda_benchmark(
        handler=f"handlers/{algorithm}",
        engine=engine,
        memory_mb=memory_mb,
        concurrency=concurrency,
        batch_size=batch_size,
        allow=("out_of_memory", "timed_out"),  # what does not load is stored so
    )
    assert result.outcomes.failed == 0
