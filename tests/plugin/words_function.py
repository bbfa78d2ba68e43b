"""A function that exists already, and all that is to be as it was afterwards."""

from __future__ import annotations

import io
import json
import zipfile

import boto3

from pytest_lambda_ml.local import Endpoint

NAME = "words"
SOURCE = """
import time

def lambda_handler(event, context):
    if isinstance(event, dict) and event.get("wrong"):
        raise ValueError("as it was told")
    if isinstance(event, dict) and event.get("slow"):
        time.sleep(event["slow"])
    return {"seen": event}
"""


def client(endpoint: Endpoint, service: str):
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=endpoint.url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def create(endpoint: Endpoint):
    """Make the function, with a version and an alias; returns the client of Lambda."""
    role = client(endpoint, "iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", SOURCE)
    made = client(endpoint, "lambda")
    made.create_function(
        FunctionName=NAME,
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Handler="index.lambda_handler",
        Code={"ZipFile": archive.getvalue()},
        MemorySize=384,
        Timeout=20,
        Description="counts words",
        Environment={"Variables": {"KEY": "value"}},
    )
    made.publish_version(FunctionName=NAME, Description="in production")
    made.create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")
    return made


def state(lambda_) -> str:
    """All that is to be as it was; revision and date tell that it was changed and put back."""
    configuration = lambda_.get_function_configuration(FunctionName=NAME)
    for volatile in ("ResponseMetadata", "RevisionId", "LastModified"):
        configuration.pop(volatile, None)
    versions = lambda_.list_versions_by_function(FunctionName=NAME)["Versions"]
    aliases = lambda_.list_aliases(FunctionName=NAME)["Aliases"]
    try:
        policy = lambda_.get_policy(FunctionName=NAME)["Policy"]
    except lambda_.exceptions.ResourceNotFoundException:
        policy = None
    concurrency = lambda_.get_function_concurrency(FunctionName=NAME)
    concurrency.pop("ResponseMetadata")
    configs = lambda_.list_function_event_invoke_configs(FunctionName=NAME)
    found = {
        "configuration": configuration,
        "versions": [(each["Version"], each["Description"]) for each in versions],
        "aliases": [(each["Name"], each["FunctionVersion"]) for each in aliases],
        "policy": policy,
        "concurrency": concurrency,
        "events": configs["FunctionEventInvokeConfigs"],
    }
    return json.dumps(found, sort_keys=True, indent=1)


def left(endpoint: Endpoint) -> list[str]:
    """What bears a run's name."""
    return [
        *(each["TopicArn"] for each in client(endpoint, "sns").list_topics()["Topics"]),
        *client(endpoint, "sqs").list_queues().get("QueueUrls", []),
    ]
