"""A model of one's own: all-MiniLM-L6-v2 by two engines (docs/own-model.md)."""

import pytest


@pytest.mark.lambda_matrix(
    algorithm=["minilm"],
    engine=["reference", "fast"],
    memory_mb=[1024],
    concurrency=[1],
    batch_size=[4],
    invocations=8,
)
def test_minilm(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
    lambda_benchmark(
        handler=algorithm,  # the folder beside this file
        engine=engine,
        memory_mb=memory_mb,
        concurrency=concurrency,
        batch_size=batch_size,
    )
