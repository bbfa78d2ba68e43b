"""The policies of infra/ allow what campaigns call, on what they call it on, and nothing else.

What the calls of `recorded_campaigns` need is held against the policies, both ways.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest
from iam_actions import ACCOUNT, RESOURCELESS, Permission, allowed, listed
from policy_sentry.querying.actions import get_action_data
from recorded_campaigns import ANYWHERE, REGION, WORDS, Account, create_words, fargate

from pytest_lambda_ml.artifact.image import BaseImage
from pytest_lambda_ml.aws import publisher_image
from pytest_lambda_ml.aws.policies import existing_function_values, policy_actions, policy_document
from pytest_lambda_ml.aws.resources import Durable
from pytest_lambda_ml.local import start_endpoint

BASE = Durable(role="base-function", bucket="base-bucket", repository="base")
NAMES = {
    **existing_function_values([WORDS]),
    "partition": "aws",
    "region": REGION,
    "account": ACCOUNT,
    "run": "*",
    "bucket": "base-bucket",
    "repository": "base",
    "function_role": "base-function",
    "publisher_role": "base-publisher",
    "publisher_start_role": "base-publisher-start",
    "cluster": "base",
    "log_group": "/ecs/base-publisher",
}
IDENTITY_POLICIES = (
    "existing-function",
    "function",
    "runner",
    "runner-without-base",
    "publisher",
    "publisher-start",
)


def statements(*policies: str) -> list[dict[str, Any]]:
    """What these policies say, for the base of the tests."""
    return [
        statement
        for policy in policies
        for statement in json.loads(policy_document(policy, **NAMES))["Statement"]
    ]


NO_BASE_IMAGE = BaseImage(
    manifest_media_type="application/vnd.oci.image.manifest.v1+json",
    config={"rootfs": {"type": "layers", "diff_ids": []}},
    layers=(),
)


@pytest.fixture(scope="module")
def accounts(
    moto_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Account, Account]]:
    """What all sets of options needed: with the base, and without it."""
    folder = tmp_path_factory.mktemp("campaigns")
    with start_endpoint() as endpoint, pytest.MonkeyPatch.context() as patch:
        patch.setattr(publisher_image, "read_base_image", lambda *_: NO_BASE_IMAGE)
        with_base, without = (Account(endpoint.url, moto_url, folder) for _ in range(2))
        for clients in (with_base.runs, with_base.keeps):
            clients.s3.create_bucket(Bucket=BASE.bucket)
            clients.ecr.create_repository(repositoryName=BASE.repository)
            trust = policy_document("function-trust")
            clients.iam.create_role(RoleName=BASE.role, AssumeRolePolicyDocument=trust)
        create_words(endpoint.url)
        for case in (*ANYWHERE, fargate):
            with_base.run(case, BASE)
        for case in ANYWHERE:
            without.run(case, Durable())
        yield with_base, without
        s3 = with_base.keeps.s3
        for entry in s3.list_objects_v2(Bucket=BASE.bucket).get("Contents", ()):
            s3.delete_object(Bucket=BASE.bucket, Key=entry["Key"])
        s3.delete_bucket(Bucket=BASE.bucket)
        with_base.keeps.ecr.delete_repository(repositoryName=BASE.repository, force=True)
        with_base.keeps.iam.delete_role(RoleName=BASE.role)


def problems_of(needed: dict[Permission, str], *policies: str) -> list[str]:
    """Where policies together are less than what is needed, or more."""
    found = statements(*policies)
    missing = sorted(
        f"missing: {permission.action} on {permission.resource}, for {call}"
        for permission, call in needed.items()
        if not allowed(found, permission)
    )
    superfluous = sorted(
        f"superfluous: {action} in {statement['Sid']}"
        for statement in found
        for action in listed(statement["Action"])
        if not any(
            permission.action == action and allowed([statement], permission)
            for permission in needed
        )
    )
    files = " and ".join(f"infra/policies/{policy}.json" for policy in policies)
    return [f"{files}: {problem}" for problem in (*missing, *superfluous)]


def test_the_runner_may_do_what_campaigns_on_the_base_do_and_nothing_else(
    accounts: tuple[Account, Account],
) -> None:
    with_base, _ = accounts
    assert not problems_of(with_base.needed, "runner", "existing-function")
    used = {permission.action for permission in with_base.needed}
    assert used == policy_actions("runner") | policy_actions("existing-function")


def test_without_a_base_it_may_also_make_what_a_run_needs_and_nothing_else(
    accounts: tuple[Account, Account],
) -> None:
    _, without = accounts
    assert not problems_of(without.needed, "runner-without-base", "existing-function")


def test_of_functions_that_exist_the_policy_lets_nobody_delete_more_than_versions() -> None:
    deletion = Permission("lambda:DeleteFunction", WORDS)
    assert not allowed(statements("runner", "existing-function"), deletion)
    assert allowed(statements("existing-function"), replace(deletion, resource=f"{WORDS}:7"))
    other = replace(deletion, resource=WORDS.replace("words", "other:7"))
    assert not allowed(statements("existing-function"), other)


def test_the_publisher_may_do_what_its_task_does_and_nothing_else(
    accounts: tuple[Account, Account],
) -> None:
    with_base, _ = accounts
    assert not problems_of(with_base.task.needed, "publisher")


def test_roles_are_passed_to_the_service_that_they_are_for_alone() -> None:
    found = [
        each for each in statements(*IDENTITY_POLICIES) if "iam:PassRole" in listed(each["Action"])
    ]
    assert found
    for statement in found:
        assert listed(statement["Action"]) == ["iam:PassRole"]
        assert statement["Condition"]["StringEquals"]["iam:PassedToService"] in {
            "lambda.amazonaws.com",
            "ecs-tasks.amazonaws.com",
        }


def arns_of(action: str) -> set[str]:
    """The ARNs that AWS lets a policy name for an action, ``*`` where it is tied to none."""
    service, _, name = action.partition(":")
    found = get_action_data(service, name)
    assert found, f"{action} is no action of AWS"
    formats = {each["resource_arn_format"] for each in found[service]} - {"*"}
    arns = {re.sub(r"\$\{[^}]*\}", "*", each) for each in formats}
    of_groups = {arn.replace(":log-stream:*", ":[*]") for arn in arns}  # covers all its streams
    return arns | of_groups or {"*"}


@pytest.mark.parametrize("policy", IDENTITY_POLICIES)
def test_a_resource_is_named_wherever_aws_lets_it_be(policy: str) -> None:
    for statement in statements(policy):
        for action in listed(statement["Action"]):
            possible = arns_of(action)
            for resource in listed(statement["Resource"]):
                assert ("*" in possible) == (resource == "*"), (action, resource)
                assert any(fnmatchcase(resource, arn) for arn in possible), (
                    f"{policy}: {action} is not for resources such as {resource}"
                )


@pytest.mark.parametrize("policy", IDENTITY_POLICIES)
def test_it_is_short_enough_for_a_managed_policy_whatever_the_names(policy: str) -> None:
    """IAM counts 6,144 characters at most, white space apart."""
    longest = dict.fromkeys(NAMES, "x" * 64) | {"account": ACCOUNT, "region": "ap-southeast-1"}
    assert len(policy_document(policy, **{**longest, "partition": "aws-us-gov"})) <= 6144


def test_the_actions_on_all_resources_are_known_one_by_one() -> None:
    found = {
        action
        for statement in statements(*IDENTITY_POLICIES)
        for action in listed(statement["Action"])
        if listed(statement["Resource"]) == ["*"]
    }
    assert found == RESOURCELESS | {"ecr:GetAuthorizationToken"}
