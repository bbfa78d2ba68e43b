"""Finding a handler folder, its settings, and its requirements."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from pytest_lambda_ml.artifact import check_handler, check_requirements, find_handler
from pytest_lambda_ml.artifact.carried import carried_handlers
from pytest_lambda_ml.errors import HandlerError, UnsupportedError

SIX = ("k-means", "gaussian-mixture", "pca", "logistic-regression", "svm", "random-forest")


@pytest.fixture
def make_handler():
    """Write a handler folder; keywords are files (``handler_toml="…"``)."""

    def make(path, **files):
        path.mkdir(parents=True)
        defaults = {"handler_py": "", "requirements_txt": ""}
        for name, content in (defaults | files).items():
            if content is not None:
                (path / name.replace("_", ".")).write_text(content)
        return path

    return make


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("form", ["{}", "handlers/{}"])
def test_carried_handlers_are_found_by_name_and_by_path(name, form, tmp_path):
    folder = find_handler(form.format(name), engine="reference", search=[tmp_path])
    assert folder.path == carried_handlers() / name
    assert (folder.name, folder.engine, folder.dataset) == (name, "reference", "emotion")
    check_requirements(folder)


def test_the_language_model_takes_questions_time_and_an_extra():
    folder = find_handler("tiny-llama-v0", engine="reference", search=[])
    assert (folder.dataset, folder.timeout_s, folder.extra) == ("questions", 300, "llm")


def test_a_relative_path_is_looked_for_in_order_and_before_the_carried_ones(tmp_path, make_handler):
    beside, root = tmp_path / "tests", tmp_path
    in_root = make_handler(root / "handlers" / "svm")
    search = [beside, root]
    assert find_handler("handlers/svm", engine="reference", search=search).path == in_root
    in_tests = make_handler(beside / "handlers" / "svm")
    assert find_handler("handlers/svm", engine="reference", search=search).path == in_tests


def test_a_folder_without_handler_py_does_not_hide_a_carried_handler(tmp_path):
    (tmp_path / "svm").mkdir()
    folder = find_handler("svm", engine="reference", search=[tmp_path])
    assert folder.path == carried_handlers() / "svm"


def test_an_absolute_path_and_home_are_taken_as_they_are(tmp_path, make_handler, monkeypatch):
    mine = make_handler(tmp_path / "mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_handler(mine, engine="reference", search=[]).path == mine
    assert find_handler("~/mine", engine="reference", search=[]).path == mine


def test_a_handler_that_is_nowhere_is_answered_with_the_places_tried(tmp_path):
    with pytest.raises(HandlerError) as error:
        find_handler("handlers/nope", engine="reference", search=[tmp_path])
    assert str(tmp_path / "handlers" / "nope") in str(error.value)
    assert str(carried_handlers() / "nope") in str(error.value)


def test_an_engine_is_a_sub_folder_that_inherits_the_settings(tmp_path, make_handler):
    mine = make_handler(tmp_path / "mine", handler_toml='dataset = "questions"\ntimeout_s = 9')
    make_handler(mine / "fast", handler_toml="timeout_s = 5")
    folder = find_handler("mine", engine="fast", search=[tmp_path])
    assert folder.path == mine / "fast"
    assert (folder.name, folder.engine) == ("mine", "fast")
    assert (folder.dataset, folder.timeout_s) == ("questions", 5)


def test_an_unknown_engine_is_answered_with_the_known_ones(tmp_path, make_handler):
    make_handler(make_handler(tmp_path / "mine") / "fast")
    with pytest.raises(HandlerError, match=r"no engine 'faster'.*reference, fast"):
        find_handler("mine", engine="faster", search=[tmp_path])


def test_a_folder_without_requirements_is_told_to_have_some(tmp_path, make_handler):
    make_handler(tmp_path / "mine", requirements_txt=None)
    with pytest.raises(HandlerError, match=r"mine has no requirements\.txt.*may be empty"):
        find_handler("mine", engine="reference", search=[tmp_path])


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("timeout = 5", "unknown key 'timeout'; known are dataset, timeout_s"),
        ('timeout_s = "5"', "timeout_s must be of type int"),
        ("timeout_s = true", "timeout_s must be of type int"),
        ("dataset = ", "not valid TOML"),
        ('quality_floors.cosine = "high"', r"quality_floors\.cosine must be a number: 'high'"),
    ],
)
def test_wrong_settings_name_the_file_and_the_key(tmp_path, make_handler, settings, complaint):
    mine = make_handler(tmp_path / "mine", handler_toml=settings)
    with pytest.raises(HandlerError, match=complaint) as error:
        find_handler("mine", engine="reference", search=[tmp_path])
    assert str(mine / "handler.toml") in str(error.value)


def requiring(make_handler, tmp_path, requirements, **files):
    make_handler(tmp_path / "mine", requirements_txt=requirements, **files)
    return find_handler("mine", engine="reference", search=[tmp_path])


@pytest.mark.parametrize(
    "requirements",
    [
        "",
        "# a comment\n\npytest>=7  # why\n--prefer-binary\n",
        "Scikit_Learn",
        "does-not-exist; python_version < '3'",
    ],
)
def test_what_is_installed_is_supported(tmp_path, make_handler, requirements):
    check_requirements(requiring(make_handler, tmp_path, requirements))


def test_what_is_not_installed_is_named_with_how_to_install_it(tmp_path, make_handler):
    folder = requiring(make_handler, tmp_path, "pytest\npytest<1\ndoes-not-exist>=2\n")
    with pytest.raises(UnsupportedError) as error:
        check_requirements(folder)
    message = str(error.value)
    assert "mine needs pytest<1 (installed: " in message
    assert "does-not-exist>=2: pip install -r " in message
    assert str(folder.path / "requirements.txt") in message


def test_what_an_extra_brings_is_installed_by_the_extra(tmp_path, make_handler):
    folder = requiring(make_handler, tmp_path, "does-not-exist", handler_toml='extra = "llm"')
    with pytest.raises(UnsupportedError, match=r"pip install 'pytest-lambda-ml\[llm\]'"):
        check_requirements(folder)


@pytest.mark.parametrize(("trained", "needed"), [(True, True), (False, False)])
def test_an_engine_with_training_also_needs_what_the_reference_needs(
    tmp_path, make_handler, trained, needed
):
    make_handler(tmp_path / "mine", requirements_txt="does-not-exist")
    make_handler(tmp_path / "mine" / "fast", **({"train_py": ""} if trained else {}))
    folder = find_handler("mine", engine="fast", search=[tmp_path])
    with pytest.raises(UnsupportedError) if needed else nullcontext():
        check_requirements(folder)


def test_a_line_that_is_no_requirement_is_named_with_its_number(tmp_path, make_handler):
    folder = requiring(make_handler, tmp_path, "pytest\nnot a requirement\n")
    with pytest.raises(HandlerError, match=r"requirements\.txt:2: not a requirement"):
        check_requirements(folder)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def initialize(): pass\n\ndef process(batch)\n    return batch\n", ", line 3: expected"),
        ("def initialize(): pass\nreturn 3\n", "line 2: 'return' outside function"),
        ("def initialize(): pass\n", " has no process()"),
        ("def process(batch): return batch\n", " has no initialize()"),
        ("", " has no initialize() and no process()"),
        (
            "class Model:\n    def initialize(self): pass\n    def process(self, b): pass\n",
            "has no",
        ),
    ],
)
def test_a_handler_that_the_wrapper_could_not_call_is_refused_unrun(
    source, said, tmp_path, make_handler
):
    path = make_handler(tmp_path / "mine", handler_py=source)
    folder = find_handler(path, engine="reference", search=[])
    with pytest.raises(HandlerError) as refused:
        check_handler(folder)
    assert str(path / "handler.py") in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "source",
    [
        "def initialize(): pass\ndef process(batch): return batch\n",
        "from words import initialize, process\n",
        "from words import *\n",
        "model = object()\ninitialize = model.load\nprocess = lambda batch: batch\n",
        "try:\n    from fast import *\nexcept ImportError:\n    from slow import process\n",
        "if True:\n    def initialize(): pass\n    async def process(batch): pass\n",
    ],
)
def test_functions_may_come_by_any_way_to_their_names(source, tmp_path, make_handler):
    path = make_handler(tmp_path / "mine", handler_py=source)
    check_handler(find_handler(path, engine="reference", search=[]))


def test_the_syntax_of_a_newer_python_is_left_to_it(tmp_path, make_handler):
    path = make_handler(tmp_path / "mine", handler_py="def initialize() of the future\n")
    folder = find_handler(path, engine="reference", search=[])
    check_handler(folder, python_version="3.99")
    with pytest.raises(HandlerError):
        check_handler(folder, python_version="3.11")


def test_every_carried_handler_passes():
    for file in sorted(carried_handlers().glob("*/handler.py")):
        check_handler(find_handler(file.parent, engine="reference", search=[]))
        for engine in sorted(file.parent.glob("*/handler.py")):
            check_handler(find_handler(file.parent, engine=engine.parent.name, search=[]))
