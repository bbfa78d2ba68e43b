"""How many threads a function's CPU share feeds."""

import os

__all__ = ["whole_vcpus"]

MEMORY_MB_PER_VCPU = 1769  # AWS Lambda documentation


def whole_vcpus():
    """The whole vCPU that the function's memory buys, at least one, at most the cores it sees.

    A library that starts a thread for each core of the host, or one more than there is CPU for,
    waits busily for the last of them: two threads on one vCPU take up to ten times as long as one.
    """
    memory_mb = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MB_PER_VCPU))
    return max(1, min(memory_mb // MEMORY_MB_PER_VCPU, os.cpu_count() or 1))
