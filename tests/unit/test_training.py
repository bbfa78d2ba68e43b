"""Training over shards: its mathematics, how rows are dealt out, and what records tell of it."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cell_log import RUN, published, record, report, request_id, start
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lambda_ml.campaign.correlate import correlate
from pytest_lambda_ml.campaign.figures import cell_figures
from pytest_lambda_ml.campaign.training import shards
from pytest_lambda_ml.campaign.training_result import (
    Training,
    alone_of,
    speed_up,
    training_figures,
    training_of,
)
from pytest_lambda_ml.datasets import Dataset
from pytest_lambda_ml.measure.pricing import load_prices
from pytest_lambda_ml.model import Configuration
from pytest_lambda_ml.store.plain import as_json, from_plain

FOLDER = Path(__file__).parents[2] / "handlers" / "logistic-regression-training"


@pytest.fixture(scope="module")
def consensus():
    spec = importlib.util.spec_from_file_location("consensus", FOLDER / "consensus.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("consensus", None)


def rows(seed: int, count: int, words: int, classes: int):
    random = np.random.default_rng(seed)
    drawn = random.integers(0, words, (count, 5))
    texts = [[f"w{word}" for word in line] for line in drawn]
    return texts, (drawn[:, 0] + (drawn[:, 1] > words // 2)) % classes


@given(seed=st.integers(0, 2**32 - 1), parts=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_losses_and_gradients_of_shards_add_up_to_those_of_all_rows(consensus, seed, parts):
    texts, labels = rows(seed, 23, 12, 3)
    matrix = consensus.counts(texts, {f"w{i}": i for i in range(12)})
    weights = np.random.default_rng(seed).normal(size=(13, 3))
    value, gradient = consensus.loss(weights, matrix, labels)
    each = [consensus.loss(weights, matrix[i::parts], labels[i::parts]) for i in range(parts)]
    assert sum(one[0] for one in each) == pytest.approx(value)
    np.testing.assert_allclose(sum(one[1] for one in each), gradient, atol=1e-9)


def test_the_rounds_come_to_the_weights_of_a_single_machine_and_one_round_does_not(consensus):
    from sklearn.linear_model import LogisticRegression

    texts, labels = rows(7, 300, 40, 3)
    matrix = consensus.counts(texts, {f"w{i}": i for i in range(40)})
    single = LogisticRegression(max_iter=1000, tol=1e-8).fit(matrix[:, :-1], labels)
    parts, shape = [(matrix[i::4], labels[i::4]) for i in range(4)], (41, 3)
    sent = [consensus.solve_shard(*part, shape, 4) for part in parts]
    weights = first = consensus.consensus(sent)
    for _ in range(40):
        sent = [
            consensus.solve_shard(*part, shape, 4, weights, before)
            for part, before in zip(parts, sent, strict=True)
        ]
        weights = consensus.consensus(sent)

    def off(found):
        return np.abs(found[:-1] - single.coef_.T).max()

    assert off(weights) < 0.02 < off(first)


def test_shards_have_every_row_once_and_equal_sizes_whatever_the_order():
    items = tuple(f"text {i}" for i in range(11))
    labels = tuple("ab"[i % 2] for i in range(11))
    data = Dataset(
        kind="emotion", items=items, labels=labels, path=Path(), sha256="", description="made"
    )
    dealt = shards(data, 3)
    assert sorted(map(len, dealt)) == [3, 4, 4]
    assert sorted(row for shard in dealt for row in shard) == sorted(
        zip(items, labels, strict=True)
    )


TOLD = [
    {"round": 0, "shard": 0, "rows": 7, "waited_ms": 0.0, "s3_writes": 4, "s3_reads": 1},
    {"round": 0, "shard": 1, "waited_ms": 0.0, "s3_writes": 4, "s3_reads": 1},
    {"round": 1, "accuracy": 0.6, "waited_ms": 2.0, "s3_writes": 4, "s3_reads": 2},
    {"round": 2, "accuracy": 0.75, "waited_ms": 0.0, "s3_writes": 4, "s3_reads": 2},
    {"waited_ms": 9.0, "s3_writes": 1, "s3_reads": 0},
]


def invocations_of(told):
    events = []
    for i, figures in enumerate(told):
        identity = f"{i:05d}", request_id(i)
        figures = {**figures, "quality_single_machine_accuracy": 0.7}
        events += [start(*identity), record(*identity, figures=figures), report(request_id(i))]
    return correlate(RUN, published(*(f"{i:05d}" for i in range(len(told)))), events)


def test_a_training_is_what_its_records_say():
    training = training_of(invocations_of(TOLD), 2, 3.5)
    assert training.accuracy_by_round == (0.6, 0.75)
    assert (training.rounds, training.accuracy, training.accuracy_one_shot) == (2, 0.75, 0.6)
    assert training.accuracy_difference == pytest.approx(0.05)
    assert training.shard_rows == (7, None), "what no record says is no number"
    assert training.makespan_ms == 3500
    assert training.critical_path_ms > 0
    assert speed_up(None, training) is None
    assert speed_up(training, training) == 1


def test_a_training_is_stored_and_read_back():
    training = training_of(invocations_of(TOLD), 2, None)
    assert from_plain(Training, json.loads(as_json(training))) == training


def test_records_without_a_round_are_no_training():
    assert training_of(invocations_of(TOLD[4:]), 2, 1.0) is None
    assert training_of((), 2, None) is None
    assert training_of(invocations_of([{"round": 3.0}]), 1, None) is None, "a handler's own figure"


def test_a_speed_up_is_over_a_training_that_came_to_something():
    cell = Configuration(algorithm="a", memory_mb=512, concurrency=1, batch_size=1)
    whole = SimpleNamespace(configuration=cell, training=training_of(invocations_of(TOLD), 1, 1.0))
    broken = SimpleNamespace(
        configuration=cell, training=training_of(invocations_of(TOLD[:1]), 1, 1.0)
    )
    two = SimpleNamespace(configuration=replace(cell, concurrency=2), training=whole.training)
    assert alone_of(two, [broken, whole]) is whole.training
    assert alone_of(two, [broken]) is None


def test_the_requests_that_functions_made_are_on_the_bill_at_the_region_s_price():
    cell = Configuration(algorithm="a", memory_mb=512, concurrency=2, batch_size=1)
    invocations = invocations_of(TOLD)
    for region, usd in (
        ("us-east-1", 17 * 5e-6 + 6 * 4e-7),
        ("eu-west-2", 17 * 5.3e-6 + 6 * 4.2e-7),
    ):
        cost = cell_figures(
            invocations,
            cell,
            load_prices().prices(region),
            published_bytes=0,
            log_bytes=0,
            makespan_s=None,
        ).cost_total
        figures = training_figures(training_of(invocations, 2, None), cost)
        assert figures["s3_usd"] == pytest.approx(usd)
        assert figures["cost_usd_total"] > usd
