"""``--aws-region R --aws-endpoint-url URL``: all that AWS would see, with this machine's Lambda."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.local import Endpoint, start_endpoint

PROJECT = {
    "emotions.csv": "Emotion,Text\n" + "".join(f"joy,message number {n}\n" for n in range(25)),
    "pytest.ini": """
        [pytest]
        lambda_dataset = emotion=emotions.csv
        lambda_timeout = 20
        aws_region = eu-west-1
    """,
    "loud/handler.py": """
        import loudly  # a distribution that is installed nowhere here

        def initialize():
            pass

        def process(batch):
            return [loudly.say(text) for text in batch]

        def figures():
            return {"came_from": loudly.__file__, "path": __file__}
    """,
    "loud/requirements.txt": "loudly==1.0\n",
    "test_x.py": """
        from pathlib import Path

        CELL = {"memory_mb": 512, "concurrency": 2, "batch_size": 5, "invocations": 4}

        def test_loud(lambda_benchmark):
            result = lambda_benchmark("loud", **CELL)
            assert result.outcomes.succeeded == 4
            figures = result.invocations[0].record.figures
            assert Path(figures["came_from"]).is_relative_to(Path(figures["path"]).parent)
    """,
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of one wheel, made by hand, so that no other is asked."""
    folder = tmp_path_factory.mktemp("wheels")
    files = {
        "loudly.py": "def say(text):\n    return text.upper()\n",
        "loudly-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: loudly\nVersion: 1.0\n",
        "loudly-1.0.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "".join(f"{name},sha256={digest(text)},{len(text)}\n" for name, text in files.items())
    files["loudly-1.0.dist-info/RECORD"] = f"{record}loudly-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(folder / "loudly-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return folder


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with start_endpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def clients(endpoint: Endpoint) -> AwsClients:
    return AwsClients("eu-west-1", endpoint.url, dummy_credentials=True)


@pytest.fixture
def project(example, wheels: Path, endpoint: Endpoint):
    made = example(PROJECT)
    made.environ |= {
        "PYTEST_LAMBDA_ML_AWS_ENDPOINT_URL": endpoint.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        **{f"{tool}_FIND_LINKS": str(wheels) for tool in ("UV", "PIP")},
        **{f"{tool}_NO_INDEX": "1" for tool in ("UV", "PIP")},
    }
    return made


def left(clients: AwsClients) -> list[str]:
    return [
        name
        for name in (
            *(item["FunctionName"] for item in clients.lambda_.list_functions()["Functions"]),
            *(item["TopicArn"] for item in clients.sns.list_topics()["Topics"]),
            *clients.sqs.list_queues().get("QueueUrls", []),
            *(item["logGroupName"] for item in clients.logs.describe_log_groups()["logGroups"]),
            *(item["Name"] for item in clients.s3.list_buckets()["Buckets"]),
            *(item["RoleName"] for item in clients.iam.list_roles()["Roles"]),
        )
        if "plml-" in name
    ]


def test_a_real_package_runs_with_its_own_dependencies_and_nothing_is_left(
    project, endpoint: Endpoint, clients: AwsClients
) -> None:
    got = project.run_pytest()
    assert got.outcomes == {"passed": 1}, got.text
    (run,) = project.runs()
    assert (run["backend"], run["region"], run["dependencies"]) == ("local", "eu-west-1", "package")
    provenance = run["cells"][0]["provenance"]
    assert provenance["cpu_enforced"] == endpoint.info.cpu_enforced
    assert provenance["memory_enforced"] == endpoint.info.memory_enforced
    assert provenance["dependencies"] == "package"
    assert got.has("no AWS bill")
    assert left(clients) == []


def test_what_is_given_is_used_and_a_second_run_uploads_nothing(
    project, clients: AwsClients
) -> None:
    clients.s3.create_bucket(
        Bucket="prepared", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    clients.iam.create_role(RoleName="prepared", AssumeRolePolicyDocument=json.dumps({}))
    given = ("--lambda-role=prepared", "--lambda-bucket=prepared")
    first = project.run_pytest(*given)
    assert first.outcomes == {"passed": 1}, first.text
    (before,) = clients.s3.list_objects_v2(Bucket="prepared")["Contents"]
    second = project.run_pytest(*given, "--lambda-log-format=json")
    assert second.outcomes == {"passed": 1}, second.text
    (after,) = clients.s3.list_objects_v2(Bucket="prepared")["Contents"]
    assert before["Key"].startswith("packages/")
    assert after == before, "not even its date has changed"
    assert left(clients) == []
    assert clients.iam.get_role(RoleName="prepared")


def test_with_keep_a_second_run_deploys_nothing_and_names_what_stays(
    project, endpoint: Endpoint, clients: AwsClients
) -> None:
    where = ("--aws-region=eu-west-1", f"--aws-endpoint-url={endpoint.url}")
    first = project.run_pytest("--lambda-keep")
    assert first.outcomes == {"passed": 1}, first.text
    [function] = clients.lambda_.list_functions()["Functions"]
    assert first.has("Kept in eu-west-1 for runs with --lambda-keep until", "purge --kept --yes")
    assert first.has(f"function {function['FunctionName']} and its topic")
    second = project.run_pytest(PYTEST_LAMBDA_ML_KEEP="yes")
    assert second.outcomes == {"passed": 1}, second.text
    entries = [
        json.loads(line)
        for path in project.root.glob(".lambda-ml/runs/*/journal.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    deployed = [each["function"]["name"] for each in entries if each["kind"] == "deployed"]
    assert deployed == [function["FunctionName"]] * 2
    purged = project.run("pytest-lambda-ml", "purge", "--kept", "--yes", *where)
    assert purged.returncode == 0, purged.text
    assert left(clients) == []


def test_who_cannot_be_reached_is_said_once_for_all_tests(project) -> None:
    got = project.run_pytest("--aws-endpoint-url=http://127.0.0.1:9")
    assert got.returncode == 4
    assert got.text.count("nothing answers at http://127.0.0.1:9") == 1
    assert "Traceback" not in got.text
    assert not project.runs()


def test_without_credentials_that_is_said_once(project) -> None:
    project.environ.pop("PYTEST_LAMBDA_ML_AWS_ENDPOINT_URL")
    project.environ |= {"HOME": str(project.root), "AWS_CONFIG_FILE": "/dev/null"}
    got = project.run_pytest()
    assert got.returncode == 4
    assert got.text.count("no valid AWS credentials in your environment") == 1
    assert "--aws-profile" in got.text


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--lambda-snap-start", "only AWS itself has SnapStart"),
        ("--lambda-publisher=fargate", "only AWS itself has Fargate"),
        ("--lambda-architecture=arm64", "functions on this machine run on x86_64"),
        ("--lambda-runtime=python3.14", "which runs pytest; python3.14 is to be had on AWS only"),
    ],
)
def test_what_only_aws_has_is_refused_here(project, option: str, said: str) -> None:
    if platform.machine() != "x86_64":
        option, said = option.replace("arm64", "x86_64"), said.replace("x86_64", "arm64")
    got = project.run_pytest(option)
    assert got.outcomes == {"error": 1}
    assert got.has(option.partition("=")[0], said)


def test_a_session_whose_tests_all_skip_leaves_no_run(project) -> None:
    (project.root / "test_x.py").write_text(
        "import pytest\n\ndef test_x(lambda_benchmark):\n    pytest.skip('not today')\n"
    )
    got = project.run_pytest()
    assert got.outcomes == {"skipped": 1}, got.text
    assert not list((project.root / ".lambda-ml").glob("runs/*"))


def test_an_endpoint_that_goes_away_is_one_failure_per_test(project) -> None:
    """Deleting what went with it is not tried again, and not a second error."""
    (project.root / "test_x.py").write_text(
        "import os, signal\n\n"
        "CELL = {'memory_mb': 512, 'concurrency': 2, 'batch_size': 5, 'invocations': 4}\n\n"
        "def test_x(lambda_benchmark, lambda_backend):\n"
        "    lambda_benchmark('loud', **CELL)\n\n"
        "def test_y(lambda_benchmark, endpoint_pid):\n"
        "    os.kill(endpoint_pid, signal.SIGKILL)\n"
        "    lambda_benchmark('loud', **CELL)\n"
    )
    with start_endpoint() as endpoint:
        (project.root / "conftest.py").write_text(
            "import pytest\n\n"
            f"@pytest.fixture\ndef endpoint_pid():\n    return {endpoint.info.pid}\n"
        )
        got = project.run_pytest(f"--aws-endpoint-url={endpoint.url}")
    assert got.outcomes == {"passed": 1, "failed": 1}, got.text
    assert got.has("Could not connect to the endpoint URL")
    assert "Traceback" not in got.text
