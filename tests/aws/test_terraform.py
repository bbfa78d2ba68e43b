"""The durable base of infra/: what Terraform itself says of it, and its life on a moto server.

Without Terraform these tests are skipped. ``TERRAFORM`` names the binary (else the PATH is looked
at), ``TERRAFORM_PROVIDER_MIRROR`` a folder to take the provider from (else it is downloaded).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest

from pytest_lambda_ml.aws.policies import policies_folder, policy_document, policy_placeholders
from pytest_lambda_ml.settings import OPTIONS

INFRA = Path(__file__).parents[2] / "infra"
REGION = "eu-north-1"
NAME = "pytest-lambda-ml"

# moto applies the bucket's policy to every connection, though it denies only those without TLS;
# and a lifecycle is read ten times, five seconds apart, before the provider believes that it is
# there. `terraform test` covers both.
ON_MOTO = """
provider "aws" {
  s3_use_path_style = true
}

resource "aws_s3_bucket_policy" "this" {
  count = 0
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  count = 0
}
"""

LEFT_BY_DESTROY = {
    # ECS forgets no revision; and moto lists a cluster that is INACTIVE, as AWS does for a while.
    f"arn:aws:ecs:{REGION}:123456789012:task-definition/{NAME}:1 (INACTIVE)",
    f"arn:aws:ecs:{REGION}:123456789012:cluster/{NAME} (INACTIVE)",
}


class Terraform:
    """The binary at work in a copy of infra/."""

    def __init__(self, binary: str, folder: Path, variables: dict[str, str]) -> None:
        self.binary = binary
        self.folder = folder
        ours = ("PATH", "HOME", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")
        self.environment = {key: os.environ[key] for key in ours if key in os.environ}
        self.environment |= {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", **variables}

    def __call__(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.binary, command, *options],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def expect(self, command: str, *options: str) -> str:
        """What it prints; the test fails with its complaints when it fails."""
        done = self(command, *options)
        assert done.returncode == 0, f"terraform {command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def initialized(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, str]:
    """The binary, a copy of infra/ with its provider, and Terraform's configuration file."""
    binary = os.environ.get("TERRAFORM") or shutil.which("terraform")
    if binary is None:
        pytest.skip("terraform is not installed (TERRAFORM names a binary that is not on the PATH)")
    folder = tmp_path_factory.mktemp("terraform")
    mirror = os.environ.get("TERRAFORM_PROVIDER_MIRROR")
    source = f'filesystem_mirror {{ path = "{mirror}" }}' if mirror else "direct {}"
    configuration = folder / "terraformrc"
    configuration.write_text(
        f"disable_checkpoint = true\nprovider_installation {{\n  {source}\n}}\n", encoding="utf-8"
    )
    skipped = shutil.ignore_patterns(".terraform", "*.tfstate*")
    infra = Path(shutil.copytree(INFRA, folder / "infra", ignore=skipped))
    init = Terraform(binary, infra, {"TF_CLI_CONFIG_FILE": str(configuration)})("init")
    if init.returncode and not mirror:
        pytest.skip(f"the provider cannot be downloaded: {init.stderr.strip()[-300:]}")
    assert init.returncode == 0, init.stderr
    return binary, infra, str(configuration)


@pytest.fixture(scope="module")
def offline(initialized: tuple[str, Path, str]) -> Terraform:
    """Terraform without any AWS."""
    binary, infra, configuration = initialized
    return Terraform(binary, infra, {"TF_CLI_CONFIG_FILE": configuration})


@pytest.fixture(scope="module")
def on_moto(
    initialized: tuple[str, Path, str], moto_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Terraform:
    """Terraform with a state and an account of its own."""
    binary, infra, configuration = initialized
    folder = tmp_path_factory.mktemp("moto") / "infra"
    shutil.copytree(infra, folder, symlinks=True)
    (folder / "moto_override.tf").write_text(ON_MOTO, encoding="utf-8")
    questions = folder / "questions.csv"
    questions.write_text("question\nWhy is the sky blue?\n", encoding="utf-8")
    return Terraform(
        binary,
        folder,
        {
            "TF_CLI_CONFIG_FILE": configuration,
            "AWS_ENDPOINT_URL": moto_url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "TF_VAR_github_repository": "octo/benchmarks",
            "TF_VAR_datasets": json.dumps({"questions": str(questions)}),
        },
    )


@pytest.fixture(scope="module")
def life(on_moto: Terraform, moto_url: str) -> dict[str, Any]:
    """Apply, look, plan again, destroy: once for all tests of it."""
    before = everything(moto_url)
    on_moto.expect("apply", "-auto-approve", "-no-color")
    return {
        "there": everything(moto_url) - before,
        "outputs": json.loads(on_moto.expect("output", "-json")),
        "ini": on_moto.expect("output", "-raw", "ini"),
        "roles": roles(moto_url),
        "second plan": on_moto("plan", "-detailed-exitcode", "-no-color"),
        "destroyed": on_moto.expect("destroy", "-auto-approve", "-refresh=false", "-no-color"),
        "left": everything(moto_url) - before,
    }


def client(service: str, moto_url: str) -> Any:
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=moto_url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def everything(moto_url: str) -> set[str]:
    """Names and ARNs of all that there is of the kinds that the base consists of."""
    ecs, iam, ec2 = (client(name, moto_url) for name in ("ecs", "iam", "ec2"))
    ecr, logs, s3 = (client(name, moto_url) for name in ("ecr", "logs", "s3"))
    clusters = ecs.list_clusters()["clusterArns"]
    described = ecs.describe_clusters(clusters=clusters)["clusters"] if clusters else []
    return {
        *(f"{item['clusterArn']} ({item['status']})" for item in described),
        *(
            f"{arn} ({status})"
            for status in ("ACTIVE", "INACTIVE")
            for arn in ecs.list_task_definitions(status=status)["taskDefinitionArns"]
        ),
        *(role["Arn"] for role in iam.list_roles()["Roles"]),
        *(policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]),
        *(
            item["Arn"]
            for item in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        ),
        *(group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]),
        *(item["repositoryArn"] for item in ecr.describe_repositories()["repositories"]),
        *(group["arn"] for group in logs.describe_log_groups()["logGroups"]),
        *(bucket["Name"] for bucket in s3.list_buckets()["Buckets"]),
    }


def roles(moto_url: str) -> dict[str, set[str]]:
    """The policies of each role of the base: names of its own, ARNs of those attached."""
    iam = client("iam", moto_url)
    names = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    return {
        name.removeprefix(f"{NAME}-{REGION}-"): {
            *iam.list_role_policies(RoleName=name)["PolicyNames"],
            *(
                policy["PolicyArn"]
                for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            ),
        }
        for name in names
        if name.startswith(NAME)
    }


def test_it_is_formatted_and_valid(offline: Terraform) -> None:
    offline.expect("fmt", "-check", "-recursive", "-diff")
    offline.expect("validate", "-no-color")


def test_its_own_tests_pass(offline: Terraform) -> None:
    said = offline.expect("test", "-no-color")
    assert "0 failed" in said


def test_every_policy_of_the_folder_is_used_or_given_to_users() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in INFRA.glob("*.tf"))
    for path in policies_folder().glob("*.json"):
        if path.stem != "runner-without-base":  # for those who have no base
            assert f"policies/{path.name}" in text, f"{path.name} is read by nobody"


def test_apply_makes_the_base(life: dict[str, Any]) -> None:
    kinds = {"role": 4, "policy": 1, "oidc-provider": 1, "repository": 1, "log-group": 1}
    kinds |= {"task-definition": 1, "cluster": 1, "sg-": 1, f"{NAME}-123456789012-{REGION}": 1}
    found = {kind: sum(kind in name for name in life["there"]) for kind in kinds}
    assert found == kinds
    assert life["roles"] == {
        "function": {"function"},
        "runner": {life["outputs"]["runner_policy_arn"]["value"]},
        "publisher": {"publisher"},
        "publisher-start": {"publisher-start"},
    }


def test_the_output_is_ready_to_paste(life: dict[str, Any]) -> None:
    values = {name: output["value"] for name, output in life["outputs"].items()}
    assert values["aws_region"] == REGION
    keys = ("lambda_role", "lambda_bucket", "lambda_repository", "lambda_cluster")
    assert {*keys, "aws_region"} <= {option.ini for option in OPTIONS}, "pytest knows them"
    assert life["ini"].splitlines() == [f"{key} = {values[key]}" for key in keys]
    assert values["runner_role_arn"].endswith(f":role/{NAME}-{REGION}-runner")


def test_a_second_plan_changes_nothing(life: dict[str, Any]) -> None:
    plan = life["second plan"]
    assert plan.returncode == 0, plan.stdout + plan.stderr


def test_destroy_leaves_nothing_but_what_is_known(life: dict[str, Any]) -> None:
    assert "Destroy complete!" in life["destroyed"]
    assert life["left"] == LEFT_BY_DESTROY


@pytest.mark.parametrize("path", sorted(policies_folder().glob("*.json")), ids=lambda p: p.stem)
def test_a_policy_is_filled_in_completely(path: Path) -> None:
    values = {name: f"<{name}>" for name in policy_placeholders(path.stem)}
    document = policy_document(path.stem, **values)
    assert "$" not in document
    for name in values:
        assert f"<{name}>" in document


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"^.(partition|region|bucket|run).$"):
        policy_document("function", account="123456789012")
