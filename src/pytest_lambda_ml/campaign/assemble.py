"""Put a cell's result together from what has come, and say how it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.campaign.figures import cell_figures, count_outcomes
from pytest_lambda_ml.campaign.honesty import describe_provenance, promise_notes
from pytest_lambda_ml.campaign.plan import parallel_invocations
from pytest_lambda_ml.campaign.quality import compare_outputs
from pytest_lambda_ml.campaign.result import CellResult
from pytest_lambda_ml.campaign.training_result import training_of
from pytest_lambda_ml.model import Outcome

if TYPE_CHECKING:
    from pytest_lambda_ml.aws.deployed_function import DeployedFunction
    from pytest_lambda_ml.campaign.backend import Backend
    from pytest_lambda_ml.campaign.correlate import Correlator
    from pytest_lambda_ml.campaign.load import Load
    from pytest_lambda_ml.measure.pricing import PriceTable

__all__ = ["assemble_result", "stored_cell"]


def assemble_result(
    backend: Backend,
    function: DeployedFunction,
    load: Load,
    correlator: Correlator,
    *,
    run_id: str,
    price_table: PriceTable,
    partial: bool,
) -> CellResult:
    """The result of a cell as it stands: what has no evidence by now counts as missing."""
    configuration = function.configuration
    invocations = correlator.finish()
    sizes = {message.sample_id: message.size_bytes for message in load.messages}
    figures = cell_figures(
        invocations,
        configuration,
        price_table.prices(backend.region, configuration.architecture),
        published_bytes=sum(sizes[item.sample_id] for item in invocations),
        log_bytes=correlator.log_bytes,
        makespan_s=correlator.makespan_s,
        quality=compare_outputs(
            invocations,
            dict(
                zip((message.sample_id for message in load.messages), load.expected, strict=False)
            ),
        ),
    )
    return CellResult(
        run_id=run_id,
        configuration=configuration,
        outcomes=count_outcomes(correlator.published, invocations),
        invocations=invocations,
        figures=figures,
        provenance=describe_provenance(
            backend,
            configuration,
            invocations,
            price_date=price_table.date,
            dataset=load.description,
            dataset_sha256=load.sha256,
            weights=function.weights,
            parallel=parallel_invocations(configuration, backend.capacity_vcpu),
            reserved=function.reserved,
            notes=(*function.notes, *promise_notes(configuration, function.promised, figures)),
        ),
        partial=partial,
        training=training_of(invocations, configuration.concurrency, correlator.makespan_s),
    )


def stored_cell(result: CellResult) -> dict[str, object]:
    """A cell for journal and run file.

    The invocations that succeeded are in the journal, one by one; the others are told here too.
    """
    return {
        "cell_id": result.configuration.cell_id,
        "configuration": result.configuration,
        "outcomes": result.outcomes,
        "figures": result.figures,
        "cost_usd_total": result.figures.cost_total.total_usd,
        "provenance": result.provenance,
        "partial": result.partial,
        "training": result.training,
        "not_succeeded": [
            item for item in result.invocations if item.outcome is not Outcome.SUCCEEDED
        ],
    }
