"""Training over two functions on the real endpoint, as a user's benchmark does it."""

from __future__ import annotations

import pytest

PROJECT = {
    "test_training.py": """
        def test_training(lambda_training, lambda_backend):
            result = lambda_training.train(
                "logistic-regression-training", functions=2, memory_mb=1769, rounds=4
            )
            assert result.outcomes.succeeded == result.outcomes.published == 10
            s3 = lambda_backend.campaign.backend.clients.s3
            for bucket in s3.list_buckets()["Buckets"]:
                listed = s3.list_objects_v2(Bucket=bucket["Name"], Prefix="training/")
                assert listed["KeyCount"] == 0
    """
}


def test_two_functions_come_near_the_single_machine_and_leave_nothing(module_example):
    project = module_example(PROJECT)
    ended = project.run_pytest("--benchmark-save=training", "--lambda-timeout=60")
    assert ended.outcomes == {"passed": 1}, ended.text
    told = project.saved()[0]["benchmarks"][0]["extra_info"]
    assert (told["functions"], told["rounds"], told["published"]) == (2, 4, 10)
    assert told["accuracy_difference"] == pytest.approx(0, abs=0.015)
    assert told["accuracy"] > told["accuracy_one_shot"]
    assert told["cost_usd_total"] > told["s3_usd"] > 0
    assert told["makespan_s"] > 0
    assert told["critical_path_s"] > 0
    assert told["cost_usd_per_1k_items"] is None, "a task is no item"
    assert "off the single" in ended.text, "the summary has a table for trainings"
    assert "$ per\n1k items" not in ended.text
    (cell,) = project.runs()[0]["cells"]
    assert cell["training"]["accuracy_by_round"][-1] == told["accuracy"]
    assert sum(cell["training"]["shard_rows"]) > 1000
    assert float(cell["figures"]["cost_total"]["s3_usd"]) == pytest.approx(told["s3_usd"])
