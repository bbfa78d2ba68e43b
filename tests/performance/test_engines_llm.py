"""The engines of the language models beside each other: cost, cold start, memory, quality.

    make perf PERF_ARGS="-k engines_llm"
    make perf PERF_ARGS="-k engines_llm --lambda-full"      # TinyLlama-1.1B, too

A model's cells are measured in turn, reference, fast, fast-exact, reference, …, so that all see the
same machine, and are pooled. Ratios are of totals. Of TinyLlama-1.1B, which takes seconds for each
text, there are fewer invocations, and texts of 32 tokens.

BERT's ratio depends on the processor. Instructions that multiply and add four int8 numbers at once
(VNNI, arm64's dot product) make int8 four times as fast as float32. With AVX2 alone,
and sums of 32 bits as the libraries have them, it is twice as fast at the very best: there another
ratio is held.
"""

from __future__ import annotations

import shutil
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_lambda_ml.artifact.carried import carried_handlers
from pytest_lambda_ml.campaign.cold_start import cold_start_ms
from pytest_lambda_ml.model import Outcome, StartType

ENGINES = ("reference", "fast", "fast-exact")


def multiplies_int8():
    """Whether the processor has an instruction for dot products of int8."""
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    return not {"avx512_vnni", "avx_vnni", "asimddp"}.isdisjoint(told)


@dataclass(frozen=True)
class Held:
    """How a model is measured, and what the engine ``fast`` is held to beside the reference."""

    memory_mb: int
    cost: float
    cold_start: float | None
    fast_fits_mb: int
    reference_mb: tuple[int, ...]
    aim: float | None = None
    engines: tuple[str, ...] = ENGINES
    rounds: int = 3
    concurrency: int = 2
    invocations: int = 19  # two of them cold: 51 warm ones in three rounds
    new_tokens: int | None = None


FEWEST_WARM = 50

HELD_TO = {
    "tiny-llama-v0": Held(1769, 0.12, 0.08, 128, (256, 512)),
    "bert-base-uncased": Held(
        1769, 0.30 if multiplies_int8() else 0.55, 0.15, 512, (512, 768, 1024)
    ),
    "tiny-llama": Held(
        *(3538, 0.60, None, 3072, (2560, 3072)),
        aim=0.50,
        engines=("reference", "fast"),
        rounds=2,
        concurrency=1,
        invocations=26,  # one of them cold: 50 warm ones in two rounds
        new_tokens=32,
    ),
}
MEASURED = [
    (name, number, engine)
    for name, held in HELD_TO.items()
    for number in range(held.rounds)
    for engine in held.engines
]
FITTED = [
    (name, engine, memory_mb)
    for name, held in HELD_TO.items()
    for engine, sizes in (("fast", (held.fast_fits_mb,)), ("reference", held.reference_mb))
    for memory_mb in sizes
]


@dataclass
class Pool:
    """All invocations of one engine of one model, and what its smallest memory is."""

    billed_ms: list[float] = field(default_factory=list)
    cold_start_ms: list[float] = field(default_factory=list)
    figures: object = None
    max_memory_mb: int = 0
    smallest_mb: int | None = None

    def add(self, result):
        for item in result.invocations:
            if item.outcome is Outcome.SUCCEEDED and item.start is StartType.WARM:
                self.billed_ms.append(item.report.billed_duration_ms)
            if item.start is StartType.COLD and (ms := cold_start_ms(item)) is not None:
                self.cold_start_ms.append(ms)
        self.figures = result.figures
        self.max_memory_mb = max(self.max_memory_mb, result.figures.max_memory_mb)

    def gb_seconds_per_1k_items(self, memory_mb):
        return sum(self.billed_ms) / len(self.billed_ms) * memory_mb / 1024


@pytest.fixture(scope="module")
def pools():
    """The pool of each (model, engine)."""
    return defaultdict(Pool)


@pytest.fixture(scope="module")
def handler(tmp_path_factory):
    """The carried folder; one that writes fewer tokens is a copy."""

    def find(name):
        tokens = HELD_TO[name].new_tokens
        if tokens is None:
            return name
        copy = tmp_path_factory.getbasetemp() / name
        if not copy.exists():
            shutil.copytree(carried_handlers() / name, copy)
            for file in copy.rglob("handler.py"):
                code = file.read_text()
                assert "NEW_TOKENS = 256\n" in code
                file.write_text(code.replace("NEW_TOKENS = 256\n", f"NEW_TOKENS = {tokens}\n"))
        return copy

    return find


@pytest.mark.parametrize(("model", "number", "engine"), MEASURED)
def test_measure(lambda_benchmark, handler, pools, model, number, engine):
    """The engines in turn; what they promise of their quality is held by the plugin."""
    held = HELD_TO[model]
    result = lambda_benchmark(
        handler=handler(model),
        engine=engine,
        memory_mb=held.memory_mb,
        concurrency=held.concurrency,
        batch_size=1,
        invocations=held.invocations,
    )
    pools[model, engine].add(result)


@pytest.mark.parametrize(("model", "engine", "memory_mb"), FITTED)
def test_smallest_memory(lambda_benchmark, handler, pools, model, engine, memory_mb):
    """The fast engine works in the memory it is held to; the reference in which?"""
    pool = pools[model, engine]
    if pool.smallest_mb is not None:
        pytest.skip(f"{model} fits {pool.smallest_mb} MB")
    result = lambda_benchmark(
        handler=handler(model),
        engine=engine,
        memory_mb=memory_mb,
        concurrency=1,
        batch_size=1,
        invocations=3,
        allow=("out_of_memory", "timed_out", "failed") if engine == "reference" else (),
    )
    if result.outcomes.succeeded == result.outcomes.published:
        pool.smallest_mb = memory_mb


@pytest.mark.parametrize("model", HELD_TO)
def test_fast_engines_cost_and_start_as_little_as_they_are_held_to(pools, record_property, model):
    held = HELD_TO[model]
    if not pools[model, "reference"].billed_ms:
        pytest.skip(f"{model} was not measured")
    print(
        f"\n{model}, {held.memory_mb} MB{'':12} warm n  GB-s per 1k  ratio  held  aim"
        "  cold start ms  ratio  held  max MB  smallest MB  tokens/s  first token ms  quality"
    )
    ratios = {engine: _print(model, engine, pools) for engine in held.engines}
    cost, start = ratios["fast"]
    record_property(model, ratios)
    assert all(len(pools[model, engine].billed_ms) >= FEWEST_WARM for engine in held.engines)
    assert cost <= held.cost
    assert held.cold_start is None or start <= held.cold_start
    assert pools[model, "fast"].smallest_mb == held.fast_fits_mb


def _print(model, engine, pools):
    """One row; returns the ratios of cost and cold start."""
    held, pool, reference = HELD_TO[model], pools[model, engine], pools[model, "reference"]
    used, of = (each.gb_seconds_per_1k_items(held.memory_mb) for each in (pool, reference))
    cold, of_cold = (
        statistics.median(each.cold_start_ms) if each.cold_start_ms else float("nan")
        for each in (pool, reference)
    )
    first, rate = pool.figures.time_to_first_token_ms, pool.figures.tokens_per_s
    quality = ", ".join(f"{name} {value:.4g}" for name, value in pool.figures.quality.items())
    print(
        f"  {engine:32} {len(pool.billed_ms):5} {used:12.3f} {used / of:6.3f} {held.cost:5.2f} "
        f"{held.aim or '':4} {cold:14.0f} {cold / of_cold:6.3f} {held.cold_start or '':5} "
        f"{pool.max_memory_mb:7} {pool.smallest_mb!s:>12} "
        f"{'–' if rate is None else f'{rate:.0f}':>9} "
        f"{'–' if first is None else f'{first:.0f}':>15}  {quality}"
    )
    return used / of, cold / of_cold
