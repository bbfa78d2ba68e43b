"""What pytest collects: the cells of each test, their ids, and what is left out."""

from __future__ import annotations

import pytest

SUPERVISED = """
    import pytest

    @pytest.mark.lambda_matrix(experiment=("fig-5.6", "fig-5.7"), algorithm=["svm", "mine"])
    def test_supervised(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
        pass
"""
REFERENCE = "test_x.py::test_supervised[svm-reference-{}-4-100]"


def test_ids_are_values_only_in_the_order_that_runs_are_compared_by(example) -> None:
    """Whatever the order in which the test requests them."""
    source = SUPERVISED.replace(
        "algorithm, engine, memory_mb, concurrency, batch_size)",
        "batch_size, memory_mb, engine, concurrency, algorithm)",
    )
    got = example({"test_x.py": source}).run_pytest("--collect-only", "-q")
    assert got.ids == [REFERENCE.format(memory) for memory in (512, 1024, 2048)]


def test_a_test_requests_what_it_needs(example) -> None:
    source = """
        def test_memory(lambda_benchmark, memory_mb):
            pass

        def test_nothing(lambda_benchmark):
            pass
    """
    got = example({"test_x.py": source}).run_pytest("--collect-only", "-q")
    assert got.ids == [
        "test_x.py::test_memory[512]",
        "test_x.py::test_memory[1024]",
        "test_x.py::test_memory[2048]",
        "test_x.py::test_nothing",
    ]


@pytest.mark.parametrize(
    ("arguments", "environ", "memories"),
    [
        (["--lambda-memory", "256,300"], {}, [256, 300]),
        ([], {"PYTEST_LAMBDA_ML_MEMORY": "400"}, [400]),
        (["-o", "lambda_memory=700"], {}, [700]),
        (["--lambda-memory", "256", "-o", "lambda_memory=700"], {}, [256]),
    ],
)
def test_lists_come_from_the_command_line_the_environment_or_the_ini_file(
    example, arguments, environ, memories
) -> None:
    got = example({"test_x.py": SUPERVISED}).run_pytest(
        "--collect-only", "-q", *arguments, **environ
    )
    assert got.ids == [REFERENCE.format(memory) for memory in memories]


def test_ini_keys_are_read_from_pyproject_with_their_types(example) -> None:
    pyproject = """
        [tool.pytest]
        lambda_memory = ["300", "400"]
        lambda_invocations = 7
        lambda_preset = "quick"
    """
    got = example({"test_x.py": SUPERVISED, "pyproject.toml": pyproject}).run_pytest(
        "--collect-only", "-q"
    )
    assert got.ids == [REFERENCE.format(memory) for memory in (300, 400)]


def test_a_preset_widens_the_grid_of_the_experiments_it_names(example) -> None:
    got = example({"test_x.py": SUPERVISED}).run_pytest(
        "--collect-only", "-q", "--lambda-preset", "thesis"
    )
    assert len(got.ids) == 7
    assert "test_x.py::test_supervised[svm-reference-10240-10-100]" in got.ids


def test_a_test_whose_experiments_the_preset_does_not_have_is_deselected(example) -> None:
    source = SUPERVISED.replace('("fig-5.6", "fig-5.7")', '"fig-5.7"').replace(
        '"svm", "mine"', '"logistic-regression"'
    )
    project = example({"test_x.py": source})
    quick = project.run_pytest("--collect-only")
    assert quick.has("1 item / 1 deselected / 0 selected")
    assert len(project.run_pytest("--collect-only", "-q", "--lambda-preset=thesis").ids) == 4


PARAMETRIZED = """
    import pytest

    @pytest.mark.parametrize("algorithm", ["svm", "logistic-regression"])
    @pytest.mark.lambda_matrix(experiment=("fig-5.7", "fig-5.8"), memory_mb=[512])
    def test_x(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
        pass
"""


def test_pytests_own_parametrize_keeps_its_place_in_the_id_and_each_experiment_its_own(
    example,
) -> None:
    got = example({"test_x.py": PARAMETRIZED}).run_pytest(
        "--collect-only", "-q", "-o", "lambda_preset=thesis"
    )
    assert got.ids == [
        "test_x.py::test_x[svm-reference-512-10-100]",
        "test_x.py::test_x[logistic-regression-reference-512-10-1000]",
    ]


def test_values_from_fixtures_and_hooks_of_the_project_are_respected(example) -> None:
    files = {
        "conftest.py": """
            import pytest

            @pytest.fixture(params=["mine"])
            def engine(request):
                return request.param

            def pytest_generate_tests(metafunc):
                if "algorithm" in metafunc.fixturenames:
                    metafunc.parametrize("algorithm", ["hooked"])
        """,
        "test_x.py": """
            def test_x(lambda_benchmark, algorithm, engine, memory_mb):
                pass
        """,
    }
    got = example(files).run_pytest("--collect-only", "-q", "--lambda-memory", "512")
    [only] = got.ids
    assert sorted(only.partition("[")[2].rstrip("]").split("-")) == ["512", "hooked", "mine"]


TWO = """
    import pytest

    @pytest.mark.lambda_matrix(
        algorithm=["svm", "pca"], engine=["reference", "numpy"], memory_mb=512
    )
    def test_x(lambda_benchmark, algorithm, engine, memory_mb):
        pass

    def test_own_handler(lambda_benchmark, memory_mb):
        pass

    def test_other():
        pass
"""


def test_names_narrow_what_tests_offer_and_leave_other_tests_alone(example) -> None:
    project = example({"test_x.py": TWO})
    got = project.run_pytest("--collect-only", "-q", "--lambda-algorithm", "svm")
    assert got.ids == [
        "test_x.py::test_x[svm-reference-512]",
        "test_x.py::test_x[svm-numpy-512]",
        "test_x.py::test_other",
    ]
    got = project.run_pytest("--collect-only", "-q", "--lambda-engine=numpy", "-k", "pca")
    assert got.ids == ["test_x.py::test_x[pca-numpy-512]"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lambda-algorithm", "svn"], "'svn'; offered: svm, pca"),
        (["--lambda-algorithm", "svm", "-k", "pca"], "'svm'; offered: pca"),
        (["--lambda-engine", "jax"], "'jax'; offered: reference, numpy"),
    ],
)
def test_a_name_that_no_selected_test_offers_is_a_usage_error(example, arguments, said) -> None:
    got = example({"test_x.py": TWO}).run_pytest(*arguments)
    assert got.returncode == pytest.ExitCode.USAGE_ERROR
    assert got.has(f"ERROR: {arguments[0]}: no selected test offers", said)


def test_names_are_no_error_where_no_test_is_ours(example) -> None:
    got = example({"test_x.py": "def test_x(): pass"}).run_pytest("--lambda-algorithm", "svm")
    assert got.outcomes == {"passed": 1}


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("memory_mb=[64]", "lambda_matrix(memory_mb=[64]) is not legal; legal is a whole number"),
        ('experiment="fig-9.9"', "legal are fig-5.3"),
        ("memory=[512]", "no such argument"),
        ("512", "keyword arguments only"),
    ],
)
def test_a_wrong_marker_is_a_usage_error_that_names_the_test(example, marker, said) -> None:
    source = f"""
        import pytest

        @pytest.mark.lambda_matrix({marker})
        def test_wrong(lambda_benchmark, memory_mb):
            pass
    """
    got = example({"test_x.py": source}).run_pytest()
    assert got.returncode == pytest.ExitCode.USAGE_ERROR
    assert got.has("ERROR: test_x.py::test_wrong: ", said)
    assert "Traceback" not in got.text


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        (["--lambda-memory", "64"], {}, "--lambda-memory: '64' is not legal; legal is"),
        (["--lambda-preset", "slow"], {}, "legal is one of quick, thesis"),
        (["-o", "lambda_invocations=many"], {}, "ini key lambda_invocations"),
        ([], {"PYTEST_LAMBDA_ML_TIMEOUT": "901"}, "PYTEST_LAMBDA_ML_TIMEOUT: '901'"),
        (["--lambda-dataset", "emotion=no.csv"], {}, "--lambda-dataset: emotion=no.csv: there is"),
        (["-o", "lambda_dataset=emotion=no.csv"], {}, "ini key lambda_dataset: emotion="),
        (["--aws-region", "mars-1"], {}, "--aws-region: no prices for region 'mars-1'"),
    ],
)
def test_a_wrong_option_is_a_usage_error_that_names_its_source(
    example, arguments, environ, said
) -> None:
    got = example({"test_x.py": SUPERVISED}).run_pytest(*arguments, **environ)
    assert got.returncode == pytest.ExitCode.USAGE_ERROR
    assert got.has("ERROR: ", said)
    assert "Traceback" not in got.text


def test_the_header_says_where_and_what(example) -> None:
    got = example({"test_x.py": SUPERVISED, "mine.csv": "Emotion,Text"}).run_pytest(
        "--collect-only", "--lambda-dataset", "emotion=mine.csv"
    )
    assert got.has("lambda-ml: the local Lambda endpoint", "preset quick", "emotion mine.csv")


def test_options_are_in_the_help_with_ini_key_and_variable(example) -> None:
    got = example({}).run_pytest("--help")
    assert got.has("--lambda-memory=MB,…", "ini: lambda_memory", "PYTEST_LAMBDA_ML_MEMORY")
    got = example({}).run_pytest("--markers")
    assert got.has("@pytest.mark.lambda_matrix(experiment")
