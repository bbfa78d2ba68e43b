"""`pytest-lambda-ml doctor`: what is missing is named, with what to do, and sets the exit code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from click.testing import CliRunner

from pytest_lambda_ml.aws.checkup import (
    check_account,
    check_permissions,
    clock_finding,
    limits_finding,
    principal_of,
)
from pytest_lambda_ml.aws.policies import existing_function_values, policy_actions
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.cli import cli
from pytest_lambda_ml.local.checkup import check_machine
from pytest_lambda_ml.model import Finding

NOW = datetime(2027, 1, 1, 12, tzinfo=UTC)
BASE = {
    "function_role": "our/function",
    "bucket": "our-bucket",
    "repository": "our-images",
    "cluster": "ours",
    "publisher_role": "ours-eu-west-1-publisher",
    "publisher_start_role": "ours-eu-west-1-publisher-start",
}
ROLE = "arn:aws:sts::123456789012:assumed-role/runner/session"


@pytest.mark.parametrize(
    ("off_s", "state"), [(0, "ok"), (4, "ok"), (-30, "warning"), (30, "warning"), (900, "missing")]
)
def test_the_clock_is_compared_with_the_one_in_an_answer(off_s: int, state: str) -> None:
    header = format_datetime(NOW - timedelta(seconds=off_s), usegmt=True)
    got = clock_finding(header, NOW)
    assert got.state == state
    assert bool(got.advice) is (state != "ok")


def test_a_clock_that_nobody_tells_is_not_compared() -> None:
    assert clock_finding(None, NOW).state == "warning"


@pytest.mark.parametrize(
    ("limits", "state", "said"),
    [
        ((1000, 1000), "ok", "900 can be reserved"),
        ((10, 10), "warning", "10 concurrent executions"),
        ((None, None), "warning", "could not be read"),
    ],
)
def test_a_new_accounts_concurrency_is_a_warning(limits: Any, state: str, said: str) -> None:
    got = limits_finding(*limits)
    assert got.state == state
    assert said in got.detail


def test_a_session_is_simulated_as_its_role() -> None:
    assert principal_of(ROLE) == "arn:aws:iam::123456789012:role/runner"
    assert principal_of("arn:aws:iam::1:user/x") == "arn:aws:iam::1:user/x"


class Simulator:
    """IAM's policy simulator, which moto lacks: denies what it is told to."""

    def __init__(self, clients: AwsClients, *denied: str) -> None:
        self.denied = denied
        self.asked: dict[str, list[str]] = {}
        clients.iam.meta.events.register("before-call.iam.SimulatePrincipalPolicy", self)
        clients.iam.meta.events.register(
            "provide-client-params.iam.SimulatePrincipalPolicy", self.note
        )

    def note(self, params: dict[str, Any], **_: Any) -> None:
        self.actions = params["ActionNames"]
        self.principal = params["PolicySourceArn"]
        for action in self.actions:
            self.asked.setdefault(action, []).extend(params["ResourceArns"])

    def __call__(self, **_: Any) -> Any:
        class Ok:
            status_code = 200

        results = [
            {
                "EvalActionName": action,
                "EvalDecision": "implicitDeny" if action in self.denied else "allowed",
            }
            for action in self.actions
        ]
        return Ok(), {"EvaluationResults": results}


def test_every_action_of_the_policies_is_simulated_on_a_resource_of_its_own(
    clients: AwsClients,
) -> None:
    simulator = Simulator(clients)
    got = check_permissions(clients, ROLE, ["runner", "runner-without-base"], BASE)
    assert got.state == "ok"
    assert set(simulator.asked) == policy_actions("runner") | policy_actions("runner-without-base")
    assert simulator.principal == "arn:aws:iam::123456789012:role/runner"
    assert "arn:aws:sns:eu-west-1:123456789012:plml-doctor" in simulator.asked["sns:Publish"]
    assert set(simulator.asked["logs:DescribeLogGroups"]) == {"*"}
    assert "arn:aws:s3:::our-bucket/doctor" in simulator.asked["s3:GetObject"]
    assert "arn:aws:iam::123456789012:role/our/function" in simulator.asked["iam:PassRole"]
    assert (
        "arn:aws:ecr:eu-west-1:123456789012:repository/our-images"
        in simulator.asked["ecr:PutImage"]
    )
    assert (
        "arn:aws:ecs:eu-west-1:123456789012:cluster/ours" in simulator.asked["ecs:DescribeClusters"]
    )


def test_functions_that_exist_are_simulated_each_and_deleted_only_by_version(
    clients: AwsClients,
) -> None:
    start = "arn:aws:lambda:eu-west-1:123456789012:function"
    arns = [f"{start}:words", f"{start}:more"]
    simulator = Simulator(clients, "lambda:UpdateFunctionConfiguration")
    got = check_permissions(clients, ROLE, ["existing-function"], existing_function_values(arns))
    assert got.detail == "denied: lambda:UpdateFunctionConfiguration"
    assert "infra/policies/existing-function.json" in got.advice
    assert simulator.asked["lambda:DeleteFunction"] == [f"{arn}:doctor" for arn in arns]
    assert simulator.asked["logs:FilterLogEvents"] == [
        f"arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/{name}{end}"
        for name in ("words", "more")
        for end in ("", ":doctor")
    ]


def test_what_has_no_name_is_not_simulated_and_said(clients: AwsClients) -> None:
    simulator = Simulator(clients)
    names = {name: BASE[name] for name in BASE if name not in {"bucket", "repository"}}
    got = check_permissions(clients, ROLE, ["runner"], names)
    assert got.state == "warning"
    assert "the base's bucket and repository" in got.detail
    assert "--lambda-bucket, --lambda-repository" in got.advice
    asked = {resource for each in simulator.asked.values() for resource in each}
    assert not [each for each in asked if "s3:::" in each or "unnamed" in each]


def test_the_command_takes_what_pytest_takes_of_a_base(
    moto_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the names that infra/ gives; the account is a server's, which is told to be AWS."""
    asked: dict[str, Any] = {}

    def note(clients: AwsClients, arn: str, policies: list[str], names: Any) -> Finding:
        asked.update(policies=policies, names=dict(names))
        return Finding("permissions", "ok", "noted")

    monkeypatch.setattr("pytest_lambda_ml.aws.checkup.check_permissions", note)
    made = AwsClients("eu-west-1", moto_url, dummy_credentials=True)
    for service in ("sts", "lambda", "iam"):
        made.client(service)
    made.endpoint_url = None
    monkeypatch.setattr("pytest_lambda_ml.aws.session.AwsClients", lambda *_, **__: made)
    role = "arn:aws:iam::123456789012:role/our/function"
    given = ["--lambda-role", role, "--lambda-bucket", "our-bucket", "--function", "words"]
    got = CliRunner(env={"PYTEST_LAMBDA_ML_CLUSTER": "ours"}).invoke(
        cli, ["doctor", "--aws-region", "eu-west-1", *given]
    )
    assert got.exit_code == 0, got.output
    assert asked == {
        "policies": ["runner", "existing-function"],
        "names": {
            **existing_function_values(["arn:aws:lambda:eu-west-1:123456789012:function:words"]),
            "function_role": "our/function",
            "bucket": "our-bucket",
            "cluster": "ours",
            "publisher_role": "ours-eu-west-1-publisher",
            "publisher_start_role": "ours-eu-west-1-publisher-start",
        },
    }


def test_what_is_denied_is_named(clients: AwsClients) -> None:
    Simulator(clients, "sns:Publish", "lambda:CreateFunction")
    got = check_permissions(clients, ROLE, ["runner"], BASE)
    assert got.state == "missing"
    assert got.detail == "denied: lambda:CreateFunction, sns:Publish"
    assert "infra/policies/runner.json" in got.advice


def test_who_may_not_simulate_is_told_so(clients: AwsClients) -> None:
    from botocore.exceptions import ClientError

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "Simulate")

    clients.iam.meta.events.register("before-call.iam.SimulatePrincipalPolicy", refuse)
    got = check_permissions(clients, ROLE, ["runner"], BASE)
    assert got.state == "warning"
    assert "AccessDenied" in got.detail


def test_an_account_on_an_endpoint_is_asked_what_it_can_answer(clients: AwsClients) -> None:
    found = {each.subject: each for each in check_account(clients, None, ["runner"])}
    assert found["credentials"].state == "ok"
    assert found["clock"].state == "ok"
    assert "permissions" not in found, "nobody is refused anything there"


def test_this_machine_is_told_how_limits_are_enforced() -> None:
    found = {each.subject: each for each in check_machine()}
    assert set(found) == {"limits", "cores", "memory", "setpriv"}
    assert all(each.advice for each in found.values() if each.state != "ok")


def test_the_command_fails_only_for_what_is_missing(
    moto_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    got = CliRunner().invoke(
        cli, ["doctor", "--aws-region", "eu-west-1", "--aws-endpoint-url", moto_url]
    )
    assert got.exit_code == 0, got.output
    for subject in (
        "limits",
        "cores",
        "uv",
        "terraform",
        "buildah",
        "python3.13",
        "extra llm",
        "price table",
        "clock",
    ):
        assert subject in got.output
    assert "0 missing" in got.output
    gone = CliRunner().invoke(
        cli, ["doctor", "--aws-region", "eu-west-1", "--aws-endpoint-url", "http://127.0.0.1:9"]
    )
    assert gone.exit_code == 1
    assert "nothing answers at http://127.0.0.1:9" in " ".join(gone.output.split())


def test_without_a_region_only_this_machine_is_checked() -> None:
    got = CliRunner().invoke(cli, ["doctor"])
    assert got.exit_code == 0, got.output
    assert "credentials" not in got.output


def test_a_region_without_prices_is_missing() -> None:
    got = CliRunner().invoke(
        cli, ["doctor", "--aws-region", "mars-1", "--aws-endpoint-url", "http://127.0.0.1:9"]
    )
    assert got.exit_code == 1
    assert "prices of mars-1" in got.output
    assert "prices update" in got.output
