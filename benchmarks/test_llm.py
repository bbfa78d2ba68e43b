"""Language models over memory sizes, one question at a time (the thesis' Figure 5.9), and BERT's
cost per question over batch sizes.

``fast`` engines are int8, which approximates; ``fast-exact`` ones compute what the model does in
float32. TinyLlama-1.1B needs --lambda-full to run on this machine.
"""

import pytest

ENGINES = ["reference", "fast", "fast-exact"]


@pytest.mark.lambda_matrix(
    experiment=("fig-5.9", "small-models", "large-model"),
    algorithm=["tiny-llama-v0", "tiny-llama", "bert-base-uncased"],
    engine=ENGINES,
)
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


@pytest.mark.lambda_matrix(
    experiment="bert-batches", algorithm=["bert-base-uncased"], engine=ENGINES
)
def test_bert_batches(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
    result = lambda_benchmark(
        handler=f"handlers/{algorithm}",
        engine=engine,
        memory_mb=memory_mb,
        concurrency=concurrency,
        batch_size=batch_size,
        allow=("out_of_memory",),
    )
    assert result.outcomes.failed == 0
