"""Where a result comes from, and what about it could not be measured honestly. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.model import Provenance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_lambda_ml.campaign.backend import Backend
    from pytest_lambda_ml.campaign.result import CellFigures
    from pytest_lambda_ml.model import Configuration, Invocation, InvocationRecord

__all__ = ["cores_on_lambda", "describe_provenance", "promise_notes"]

_CORES_FROM_MB = ((8846, 6), (7077, 5), (5308, 4), (3009, 3))
"""Memory from which a function sees that many cores; two below (observed; AWS documents only the
share)."""
FEWEST_CORES = 2


def cores_on_lambda(memory_mb: int) -> int:
    """What ``os.cpu_count()`` says in a Lambda function of this memory."""
    return next((cores for above, cores in _CORES_FROM_MB if memory_mb >= above), FEWEST_CORES)


def describe_provenance(
    backend: Backend,
    configuration: Configuration,
    invocations: Iterable[Invocation],
    *,
    price_date: str,
    dataset: str,
    dataset_sha256: str | None,
    weights: str | None,
    parallel: int,
    reserved: bool = True,
    notes: Iterable[str] = (),
) -> Provenance:
    """Everything that tells this result from another one's.

    ``reserved`` is ``False`` where no concurrency was reserved, as the account's quota is no more
    than what the cell asks for. ``parallel`` is how many invocations the backend runs at one time.
    The CPU model is that which the functions themselves saw, and the backend's where none of them
    told. ``notes`` are those of the function's package.
    """
    records = [item.record for item in invocations if item.record]
    models = sorted({record.cpu_model for record in records if record.cpu_model})
    return Provenance(
        backend=backend.kind,
        region=backend.region,
        architecture=configuration.architecture,
        cpu_model=" / ".join(models) or backend.cpu_model,
        cpu_enforced=backend.cpu_enforced,
        memory_enforced=backend.memory_enforced,
        price_date=price_date,
        dependencies=backend.dependencies,
        dataset=dataset,
        dataset_sha256=dataset_sha256,
        weights=weights or next((item.weights for item in records if item.weights), None),
        notes=(
            *_machine_notes(backend, configuration, parallel),
            *_quota_notes(configuration, reserved=reserved),
            *notes,
            *_record_notes(configuration, records, models),
        ),
    )


def promise_notes(
    configuration: Configuration, promised: Iterable[str], figures: CellFigures
) -> Iterator[str]:
    """What handler.toml promises and this cell did not measure; nothing where nothing ran."""
    if not figures.warm_count + figures.cold_starts:
        return
    measured = {
        "agreement": figures.agreement,
        # Outputs that cannot be traced fail the test, so they do not go unsaid.
        "max_difference": figures.unverified or figures.max_difference,
        **figures.quality,
    }
    missing = [name.replace("_", " ") for name in promised if measured.get(name) is None]
    if missing:
        yield (
            f"{configuration.algorithm} ({configuration.engine}) promises {', '.join(missing)} in "
            "its handler.toml, which was not measured: nobody knows whether it keeps it"
        )


def _machine_notes(backend: Backend, configuration: Configuration, parallel: int) -> Iterator[str]:
    asked, cores, capacity = configuration.vcpu, backend.host_cores, backend.capacity_vcpu
    if cores is not None and asked > cores:
        yield f"{asked:.2f} vCPU asked, this machine has {cores}: durations are those of {cores}"
    elif capacity is not None and asked > capacity:
        yield (
            f"{asked:.2f} vCPU asked, {capacity:g} set aside for functions: each invocation ran "
            "alone, but shared the machine with the session that measures"
        )
    if backend.cpu_enforced is None:
        yield "the CPU share was not enforced: durations are those of whole cores"
    if backend.memory_enforced is None:
        yield "the memory limit was not enforced: what fits here may not fit on AWS"
    if parallel < configuration.concurrency:
        yield (
            f"{parallel} of {configuration.concurrency} invocations ran at one time, to keep "
            "durations honest: makespan and throughput are this machine's"
        )


def _quota_notes(configuration: Configuration, *, reserved: bool) -> Iterator[str]:
    if not reserved:
        yield (
            f"no concurrency was reserved: {configuration.concurrency} is the account's whole "
            "quota, which other functions share"
        )


def _record_notes(
    configuration: Configuration, records: list[InvocationRecord], models: list[str]
) -> Iterator[str]:
    if any(record.fetching_ms is not None for record in records):
        yield (
            "batches were too large for SNS and came from S3: durations include fetching them, "
            "which each record tells apart (fetching_ms)"
        )
    if len(models) > 1:
        yield f"the environments ran on {len(models)} models of CPU"
    there = cores_on_lambda(configuration.memory_mb)
    seen = sorted({record.cpu_count for record in records if record.cpu_count} - {there})
    if seen:
        here = " or ".join(map(str, seen))
        yield (
            f"the handler saw {here} cores, on Lambda it sees {there} at "
            f"{configuration.memory_mb} MB: libraries may choose another number of threads"
        )
