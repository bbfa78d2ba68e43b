"""Distributions for the function's platform, by pip and by uv, from wheels made on the spot."""

from __future__ import annotations

import sys

import pytest
from wheel_shop import WheelShop

from pytest_lambda_ml.artifact import Target, dependencies, find_handler
from pytest_lambda_ml.artifact.dependencies import find_uv, install_dependencies
from pytest_lambda_ml.errors import ArtifactError

X86, ARM = Target(architecture="x86_64"), Target(architecture="arm64")
INSTALLERS = ["pip", pytest.param("uv", marks=pytest.mark.skipif(not find_uv(), reason="no uv"))]


@pytest.fixture
def shop(tmp_path, monkeypatch):
    shop = WheelShop(tmp_path / "shop")
    shop.close_all_others(monkeypatch)
    return shop


@pytest.fixture(params=INSTALLERS)
def installer(request, monkeypatch):
    use(request.param, monkeypatch)
    return request.param


def use(installer, monkeypatch):
    if installer == "pip":
        monkeypatch.setattr(dependencies, "find_uv", lambda: None)


@pytest.fixture
def install(tmp_path):
    """Install a requirements.txt; the names of the files, and what was installed."""

    def install(requirements, target=X86, cache="cache"):
        path = tmp_path / "mine"
        path.mkdir(exist_ok=True)
        (path / "handler.py").touch()
        (path / "requirements.txt").write_text(requirements)
        folder = find_handler(path, engine="reference", search=[])
        return install_dependencies(folder, target, tmp_path / cache)

    return install


def names(installed):
    return [name for name, _ in installed.files()]


@pytest.mark.parametrize("requirements", ["", "\n# nothing but a comment\n"])
def test_nothing_is_installed_for_empty_requirements(install, requirements, monkeypatch, tmp_path):
    monkeypatch.setattr(dependencies.subprocess, "run", pytest.fail)
    installed = install(requirements)
    assert names(installed) == []
    assert installed.distributions == {}
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("target", "platform"), [(X86, "manylinux_2_28_x86_64"), (ARM, "manylinux_2_28_aarch64")]
)
def test_wheels_are_those_of_the_function(shop, installer, install, target, platform):
    for tag in ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64", "win_amd64"):
        shop.add("fast", tags=f"cp313-cp313-{tag}", files={"fast.py": f"TAG = '{tag}'"})
    shop.add("fast", "2.0", tags="cp313-cp313-manylinux_2_35_x86_64")  # too new a C library
    shop.add("fast", "3.0", tags=f"cp311-cp311-{platform}")  # another Python's
    installed = install("fast\n", target)
    (file,) = (path for name, path in installed.files() if name == "fast.py")
    assert file.read_text() == f"TAG = '{platform}'"


def test_requires_python_is_judged_for_the_function(shop, installer, install):
    target = Target(architecture="x86_64", python_version="3.14")
    shop.add("other", "1.0")
    shop.add("other", "2.0", meta=["Requires-Python: >=3.14"])
    shop.add("other", "3.0", meta=["Requires-Python: >=3.15"])
    assert "other-2.0.dist-info/METADATA" in names(install("other\n", target))


def test_markers_are_judged_for_the_function(shop, installer, install):
    """pip judges them for the interpreter that it runs in."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    requires = [f"there; python_version > '{here}'", "arm; platform_machine == 'aarch64'"]
    shop.add("root", requires=[*requires, "other; extra == 'more'", "unwanted; extra == 'test'"])
    shop.add("there", requires=["deeper; python_version >= '3.14'"])
    for name in ("deeper", "other", "arm", "unwanted"):
        shop.add(name)
    target = Target(architecture="arm64", python_version="3.14")
    installed = install("root[more]\n", target)
    assert set(installed.distributions) == {"root", "there", "deeper", "other", "arm"}


def test_what_a_model_was_trained_with_is_what_it_is_served_with(shop, installer, install):
    """numpy is installed here, in a version that is not the newest in the shop."""
    import numpy

    shop.add("numpy", numpy.__version__)
    shop.add("numpy", "99.0")
    shop.add("newer", requires=["numpy"])
    installed = install("numpy>=1\nnewer\n")
    assert f"numpy-{numpy.__version__}.dist-info/METADATA" in names(installed)


def test_a_version_here_that_requirements_exclude_is_not_kept(shop, installer, install):
    shop.add("numpy", "99.0")
    assert "numpy-99.0.dist-info/METADATA" in names(install("numpy==99.0\n"))


def test_what_is_for_a_gpu_is_refused_and_not_kept(shop, install, tmp_path):
    shop.add("leaf", requires=["nvidia-cublas"])
    shop.add("nvidia_cublas")
    for _ in range(2):
        with pytest.raises(ArtifactError, match=r"(?s)for a GPU, and Lambda has none.*cublas"):
            install("leaf\n")
    assert list((tmp_path / "cache" / "dependencies").iterdir()) == []


def test_a_build_from_an_index_of_its_own_is_hinted_at(shop, install, monkeypatch):
    monkeypatch.setattr(dependencies, "pins", lambda *_: ["leaf==1.0+cpu"])
    shop.add("leaf")
    with pytest.raises(ArtifactError, match=r"leaf==1\.0\+cpu: such builds are on an index"):
        install("leaf\n")


@pytest.mark.skipif(not find_uv(), reason="uv is not installed")
def test_pip_and_uv_give_the_same_bytes(shop, install, monkeypatch):
    shop.add(
        "root",
        requires=["leaf>=1"],
        files={
            "root/__init__.py": "",
            "root/tests/test_root.py": "",
            "root/lib.so": "x" * 100,
            "root-1.0.data/scripts/root-run": "#!python\n",
            "root-1.0.dist-info/entry_points.txt": "[console_scripts]\nroot = root:main\n",
        },
    )
    shop.add("leaf")
    by_uv = install("root\n", cache="uv")
    use("pip", monkeypatch)
    by_pip = install("root\n", cache="pip")
    contents = [{name: path.read_bytes() for name, path in x.files()} for x in (by_uv, by_pip)]
    assert contents[0] == contents[1]
    assert by_uv.content_sha256 == by_pip.content_sha256
    assert by_uv.distributions == by_pip.distributions
    assert sorted(contents[0])[:2] == ["leaf-1.0.dist-info/METADATA", "leaf-1.0.dist-info/RECORD"]
    assert not [name for name in contents[0] if name.startswith(("bin/", "root/tests/"))]


def test_the_same_is_installed_once(shop, install, monkeypatch, tmp_path):
    shop.add("leaf")
    first = install("leaf\n")
    monkeypatch.setattr(dependencies.subprocess, "run", pytest.fail)
    assert install("leaf  # the same\n") == first
    assert len(list((tmp_path / "cache" / "dependencies").iterdir())) == 1


def test_distributions_are_weighed(shop, install):
    shop.add("heavy", files={"heavy.py": "x" * 100_000})
    shop.add("light", files={"light.py": ""})
    weights = install("heavy\nlight\n").distributions
    assert weights["heavy"] > 100_000 > weights["light"] > 0


def test_what_has_no_wheel_is_said_in_the_installers_words(shop, installer, install, tmp_path):
    shop.add("windows", tags="cp313-cp313-win_amd64")
    with pytest.raises(ArtifactError) as error:
        install("windows\n", ARM)
    message = str(error.value)
    assert f"{tmp_path}/mine/requirements.txt: no wheels for python3.13 on arm64" in message
    assert "windows" in message.partition("\n")[2]
    assert list((tmp_path / "cache" / "dependencies").iterdir()) == []
