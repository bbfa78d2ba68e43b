"""Which cells a test measures when marker, preset and settings disagree."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.errors import SettingError
from pytest_lambda_ml.plugin.grid import (
    ARGUMENTS,
    Matrix,
    admits,
    cells,
    check_call,
    limits_of,
    not_offered,
    parse_matrix,
    sits_out,
)
from pytest_lambda_ml.settings import Settings, resolve

TEST = "test_x.py::test_x"


def settings(ini=None, environ=None, **command_line) -> Settings:
    return resolve(
        command_line=command_line, environ=environ or {}, ini=ini or {}, rootdir=Path("/p")
    )


def matrix(**kwargs) -> Matrix:
    return parse_matrix([((), kwargs)], test=TEST)


def ids(what: Matrix, with_settings: Settings, arguments=ARGUMENTS) -> list[str]:
    return ["-".join(map(str, c)) for c in cells(what, with_settings, arguments, test=TEST)]


def memories(what: Matrix, with_settings: Settings) -> list[int]:
    return [cell[0] for cell in cells(what, with_settings, ["memory_mb"], test=TEST)]


def test_a_cell_reads_algorithm_engine_memory_concurrency_batch() -> None:
    assert ids(matrix(algorithm="svm"), settings()) == [
        "svm-reference-512-4-100",
        "svm-reference-1024-4-100",
        "svm-reference-2048-4-100",
    ]


def test_algorithms_come_in_the_order_of_the_marker_whatever_the_experiments() -> None:
    got = ids(
        matrix(
            algorithm=["random-forest", "svm", "logistic-regression"],
            experiment=("fig-5.8", "fig-5.6"),
            memory_mb=512,
        ),
        settings(preset="thesis", memory_mb="512"),
    )
    assert [each.rsplit("-", 4)[0] for each in got] == [
        "random-forest",
        "svm",
        "logistic-regression",
    ]


@pytest.mark.parametrize(
    ("marker", "ini", "environ", "command_line", "expected"),
    [
        ({"memory_mb": [400]}, ["150"], "200", {"memory_mb": "300"}, [300]),
        ({"memory_mb": [400]}, ["300"], "200", {"preset": "thesis"}, [256, 512, 1024, 2048]),
        ({"memory_mb": [400]}, ["300"], "200", {}, [400]),
        ({}, ["300"], "200", {}, [200]),
        ({}, ["300"], None, {}, [300]),
        ({}, None, None, {}, [512, 1024]),
        ({"memory_mb": [400]}, None, None, {"preset": "thesis", "memory_mb": "300"}, [300]),
    ],
)
def test_what_wins_for_a_test_with_an_experiment(marker, ini, environ, command_line, expected):
    what = matrix(algorithm="svm", experiment="fig-5.10", **marker)
    got = settings(
        ini={"lambda_memory": ini} if ini else {},
        environ={"PYTEST_LAMBDA_ML_MEMORY": environ} if environ else {},
        **command_line,
    )
    assert memories(what, got) == expected


def test_a_preset_of_the_environment_or_ini_file_is_weaker_than_the_marker() -> None:
    what = matrix(algorithm="svm", experiment="fig-5.10", memory_mb=[400])
    assert memories(what, settings(environ={"PYTEST_LAMBDA_ML_PRESET": "thesis"})) == [400]
    assert memories(what, settings(ini={"lambda_preset": "thesis"})) == [400]


def test_a_preset_of_the_ini_file_gives_the_grid_where_nothing_else_does() -> None:
    what = matrix(algorithm="svm", experiment="fig-5.8")
    assert memories(what, settings(ini={"lambda_preset": "thesis"})) == [256, 512, 1024, 2048]


def test_a_preset_may_leave_engines_to_those_who_ask_for_them() -> None:
    what = matrix(
        experiment="large-model",
        algorithm="tiny-llama",
        engine=("reference", "fast", "fast-exact"),
    )

    def engines(with_settings: Settings) -> set[object]:
        return {cell[0] for cell in cells(what, with_settings, ["engine"], test=TEST)}

    assert engines(settings()) == {"reference", "fast"}
    assert "fast-exact" in engines(settings(engines="fast-exact"))


def test_a_preset_does_not_touch_a_test_without_an_experiment() -> None:
    what = matrix(algorithm="svm", memory_mb=[400])
    assert memories(what, settings(preset="thesis")) == [400]
    assert memories(matrix(algorithm="svm"), settings(preset="thesis")) == [512, 1024, 2048]


def test_lists_win_one_by_one() -> None:
    """A list on the command line replaces that list and no other."""
    what = matrix(algorithm="svm", concurrency=[7], batch_size=[3])
    assert ids(what, settings(batch_size="9", memory_mb="512")) == ["svm-reference-512-7-9"]


def test_experiments_are_united_without_duplicates_each_with_its_algorithms() -> None:
    what = matrix(
        algorithm=["logistic-regression", "svm", "random-forest"],
        experiment=("fig-5.6", "fig-5.7", "fig-5.8"),
    )
    got = ids(what, settings(preset="thesis"))
    assert len(got) == len(set(got)) == 3 * 7 + 4
    assert [each for each in got if each.endswith("-1000")] == [
        f"logistic-regression-reference-{memory}-10-1000" for memory in (256, 512, 1024, 2048)
    ]


def test_an_experiment_brings_its_algorithms_to_a_test_that_names_none() -> None:
    got = cells(matrix(experiment="fig-5.3"), settings(), ["algorithm"], test=TEST)
    assert got == [("k-means",), ("gaussian-mixture",), ("pca",)]


def test_a_test_sits_out_when_the_preset_has_none_of_its_experiments() -> None:
    assert sits_out(matrix(experiment="fig-5.4"), settings())
    assert sits_out(matrix(experiment="fig-5.4"), settings(memory_mb="512"))
    assert not sits_out(matrix(experiment=("fig-5.3", "fig-5.4")), settings())
    assert not sits_out(matrix(experiment="fig-5.4", memory_mb=[512]), settings())
    assert not sits_out(matrix(experiment="fig-5.4"), settings(preset="thesis"))
    assert not sits_out(matrix(), settings())


def test_only_what_the_test_requests_is_parametrised() -> None:
    what = matrix(algorithm=["svm", "pca"], engine=["reference", "fast"])
    assert cells(what, settings(), ["concurrency"], test=TEST) == [(4,)]
    assert cells(what, settings(memory_mb="512"), ["engine", "memory_mb"], test=TEST) == [
        ("reference", 512),
        ("fast", 512),
    ]


def test_an_algorithm_that_nothing_names_is_an_error_that_says_so() -> None:
    with pytest.raises(SettingError, match="nothing says which"):
        cells(matrix(), settings(), ["algorithm"], test=TEST)


def test_algorithms_that_no_experiment_has_are_an_error_not_an_empty_run() -> None:
    with pytest.raises(SettingError, match=r"my-means.*fig-5\.3"):
        cells(matrix(algorithm="my-means", experiment="fig-5.3"), settings(), ARGUMENTS, test=TEST)


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"memory_mb": [64]}, "128 to 10240"),
        ({"memory_mb": []}, "128 to 10240"),
        ({"memory_mb": "512"}, "whole number"),
        ({"memory_mb": [True]}, "whole number"),
        ({"concurrency": [0]}, "1 or more"),
        ({"batch_size": [1.5]}, "1 or more"),
        ({"invocations": 0}, "1 or more"),
        ({"timeout_s": 901}, "1 to 900"),
        ({"ephemeral_mb": 100}, "512 to 10240"),
        ({"experiment": "fig-9.9"}, "fig-5.3"),
        ({"algorithm": 3}, "name"),
        ({"algorithm": []}, "name"),
        ({"engine": [""]}, "name"),
        ({"memory": [512]}, "memory_mb"),
    ],
)
def test_a_wrong_marker_names_test_value_and_what_is_legal(kwargs, said) -> None:
    with pytest.raises(SettingError) as error:
        matrix(**kwargs)
    assert TEST in str(error.value)
    assert repr(next(iter(kwargs.values()))) in str(error.value)
    assert said in str(error.value)


def test_positional_arguments_are_refused() -> None:
    with pytest.raises(SettingError, match="keyword"):
        parse_matrix([((512,), {})], test=TEST)


def test_the_closest_marker_wins_name_by_name() -> None:
    """A function's marker refines that of its class or module."""
    got = parse_matrix(
        [((), {"memory_mb": [256]}), ((), {"memory_mb": [512], "batch_size": [7]})], test=TEST
    )
    assert (got.memory_mb, got.batch_size) == ((256,), (7,))


def test_a_cell_of_an_algorithm_from_elsewhere_is_admitted_by_its_experiments_only() -> None:
    what, how = matrix(experiment=("fig-5.6", "fig-5.7")), settings(preset="thesis")
    at_1000 = {"memory_mb": 512, "concurrency": 10, "batch_size": 1000}
    assert admits(what, how, algorithm="logistic-regression", values=at_1000)
    assert not admits(what, how, algorithm="svm", values=at_1000)
    assert admits(what, how, algorithm="svm", values={**at_1000, "batch_size": 100})
    assert admits(matrix(), settings(), algorithm="anything", values={"memory_mb": 512})


@pytest.mark.parametrize(
    ("kwargs", "command_line", "invocations"),
    [
        ({}, {}, 20),
        ({"invocations": 7}, {}, 7),
        ({"invocations": 7}, {"invocations": "9"}, 9),
        ({"experiment": "fig-5.6", "invocations": 7}, {"preset": "thesis"}, 100),
        ({"experiment": "fig-5.6", "invocations": 7}, {"preset": "thesis", "invocations": "9"}, 9),
        ({"experiment": "fig-5.9"}, {}, 10),
    ],
)
def test_invocations_follow_the_same_order(kwargs, command_line, invocations) -> None:
    got = limits_of(matrix(**kwargs), settings(**command_line), algorithm=None, values={})
    assert got.invocations == invocations


@pytest.mark.parametrize(
    ("kwargs", "ini", "command_line", "handler", "timeout_s"),
    [
        ({}, {}, {}, None, 60),
        ({}, {}, {}, 300, 300),
        ({}, {"lambda_timeout": 15}, {}, 300, 15),
        ({"timeout_s": 20}, {"lambda_timeout": 15}, {}, 300, 20),
        ({"timeout_s": 20}, {"lambda_timeout": 15}, {"timeout_s": "9"}, 300, 9),
    ],
)
def test_the_timeout_is_the_handlers_unless_somebody_says_more(
    kwargs, ini, command_line, handler, timeout_s
) -> None:
    got = limits_of(
        matrix(**kwargs),
        settings(ini=ini, **command_line),
        algorithm=None,
        values={},
        handler_timeout_s=handler,
    )
    assert got.timeout_s == timeout_s


def test_a_wrong_call_names_test_argument_and_what_is_legal() -> None:
    with pytest.raises(SettingError, match=r"test_x.*lambda_benchmark\(memory_mb=64\).*128"):
        check_call({"invocations": None, "memory_mb": 64}, test=TEST)


def test_limits_are_those_of_the_experiment_that_has_the_cell() -> None:
    what, how = matrix(experiment=("fig-5.6", "fig-5.9")), settings()
    supervised = {"memory_mb": 512, "concurrency": 4, "batch_size": 100}
    model = {"memory_mb": 512, "concurrency": 4, "batch_size": 1}
    assert limits_of(what, how, algorithm="svm", values=supervised).invocations == 20
    assert limits_of(what, how, algorithm="tiny-llama-v0", values=model).invocations == 10
    thesis = limits_of(
        matrix(experiment="fig-5.9"), settings(preset="thesis"), algorithm=None, values={}
    )
    assert thesis.ephemeral_mb > 512


def test_a_name_that_no_test_offers_is_answered_with_what_is_offered() -> None:
    said = not_offered(["svn"], ["svm", "pca", "svm"], flag="--lambda-algorithm", what="algorithm")
    assert said is not None
    assert "'svn'" in said
    assert "offered: svm, pca" in said
    assert not_offered(["svm"], ["svm"], flag="--lambda-algorithm", what="algorithm") is None
    assert not_offered(None, [], flag="--lambda-algorithm", what="algorithm") is None


@given(
    memory=st.lists(st.integers(128, 10240), min_size=1, max_size=4),
    batch=st.lists(st.integers(1, 1000), min_size=1, max_size=4),
    names=st.lists(st.sampled_from(["svm", "pca", "mine"]), min_size=1, max_size=4),
)
def test_a_grid_is_the_product_of_its_distinct_lists(memory, batch, names) -> None:
    got = ids(matrix(algorithm=names, memory_mb=memory, batch_size=batch), settings())
    assert len(got) == len(set(got)) == len(set(memory)) * len(set(batch)) * len(set(names))
