"""What the functions of one training know of each other: objects under one prefix in S3.

Whoever creates an object with a conditional write has claimed what it stands for, so that each task
is done once, in whatever order messages arrive. Requests are counted, since they are billed.
"""

import io
import json
from functools import cache

import numpy as np

__all__ = ["Board", "client"]

CLAIMED = ("PreconditionFailed", "ConditionalRequestConflict")


@cache
def client():
    """Made once per environment: it takes longer than a round."""
    import boto3

    return boto3.client("s3")


class Board:
    """The objects of one training."""

    def __init__(self, s3, bucket, prefix):
        self.s3, self.bucket, self.prefix = s3, bucket, prefix
        self.writes = self.reads = 0  # as S3 bills: lists count as writes

    def keys(self, prefix):
        """The names that begin so, without the training's own prefix."""
        found, more = [], {}
        while True:
            self.writes += 1
            page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix + prefix, **more)
            found += [each["Key"][len(self.prefix) :] for each in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return set(found)
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def claim(self, name):
        """Whether this is the first to ask for ``name``."""
        from botocore.exceptions import ClientError

        self.writes += 1
        try:
            self.s3.put_object(
                Bucket=self.bucket, Key=self.prefix + name, Body=b"", IfNoneMatch="*"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in CLAIMED:
                return False
            raise
        return True

    def put(self, name, value):
        """Keep an array, or anything that JSON can hold."""
        if isinstance(value, np.ndarray):
            file = io.BytesIO()
            np.save(file, value.astype(np.float32))
            body = file.getvalue()
        else:
            body = json.dumps(value, ensure_ascii=False).encode()
        self.writes += 1
        self.s3.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=body)

    def get(self, name):
        """What `put` kept."""
        self.reads += 1
        key = self.prefix + name
        body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        if body.startswith(b"\x93NUMPY"):
            return np.load(io.BytesIO(body)).astype(np.float64)
        return json.loads(body)
