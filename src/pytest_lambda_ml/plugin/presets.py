"""The grids of the named experiments, as data.

The names are those of the figures in "Cost-Effective Machine Learning Inference with AWS Lambda"
(R. Timmer, University of Groningen, 2024). ``quick`` shows the same effects in minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_GRID", "EXPERIMENTS", "PRESETS", "Grid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What one experiment measures; ``None`` for names means all that the test offers.

    ``engines`` are those measured unless the options name others.
    """

    memory_mb: tuple[int, ...] = (512, 1024, 2048)
    concurrency: tuple[int, ...] = (4,)
    batch_size: tuple[int, ...] = (100,)
    invocations: int = 20
    algorithms: tuple[str, ...] | None = None
    engines: tuple[str, ...] | None = None
    ephemeral_mb: int = 512


UNSUPERVISED = ("k-means", "gaussian-mixture", "pca")
SUPERVISED = ("logistic-regression", "svm", "random-forest")

CLASSICAL = (*UNSUPERVISED, *SUPERVISED)

TO_2048_MB = (256, 512, 1024, 2048)
TO_10240_MB = (*TO_2048_MB, 4096, 8192, 10240)

DEFAULT_GRID = Grid()
"""The grid of a test that names no experiment and gives no lists."""

QUICK_CONCURRENCY = Grid(
    algorithms=("svm",), memory_mb=(512, 1024), concurrency=(2, 5, 10), invocations=20
)

CLASSICAL_BATCHES = (1, 10, 100, 1000)
BERT_BATCHES = (1, 4, 16)

QUICK_LARGE = Grid(
    algorithms=("tiny-llama",),
    memory_mb=(3538,),
    batch_size=(1,),
    concurrency=(1,),
    invocations=3,
    engines=("reference", "fast"),
)

THESIS_CONCURRENCY = Grid(
    algorithms=("svm",), memory_mb=TO_2048_MB, concurrency=(10, 20, 50, 1000), invocations=100
)


def _thesis(
    memory_mb: tuple[int, ...],
    batch_size: int,
    algorithms: tuple[str, ...] | None = None,
    ephemeral_mb: int = 512,
) -> Grid:
    return Grid(
        memory_mb=memory_mb,
        concurrency=(10,),
        batch_size=(batch_size,),
        invocations=100,
        algorithms=algorithms,
        ephemeral_mb=ephemeral_mb,
    )


PRESETS: Mapping[str, Mapping[str, Grid]] = MappingProxyType(
    {
        "quick": MappingProxyType(
            {
                "fig-5.3": Grid(algorithms=UNSUPERVISED, engines=("reference",)),
                "fig-5.6": Grid(algorithms=SUPERVISED, engines=("reference",)),
                "small-functions": Grid(
                    algorithms=CLASSICAL, memory_mb=(128, 512), engines=("fast",)
                ),
                "fig-5.9": Grid(
                    algorithms=("tiny-llama-v0",),
                    batch_size=(1,),
                    invocations=10,
                    engines=("reference",),
                ),
                "small-models": Grid(
                    algorithms=("tiny-llama-v0",),
                    memory_mb=(512,),
                    batch_size=(1,),
                    invocations=10,
                    engines=("fast",),
                ),
                "large-model": QUICK_LARGE,
                "fig-5.10": QUICK_CONCURRENCY,
                "fig-5.11": QUICK_CONCURRENCY,
            }
        ),
        "thesis": MappingProxyType(
            {
                "fig-5.3": _thesis(TO_10240_MB, 100, UNSUPERVISED),
                "fig-5.4": _thesis(TO_2048_MB, 1000, ("k-means",)),
                "fig-5.5": _thesis(TO_2048_MB, 100, ("pca",)),
                "fig-5.6": _thesis(TO_10240_MB, 100, SUPERVISED),
                "fig-5.7": _thesis(TO_2048_MB, 1000, ("logistic-regression",)),
                "fig-5.8": _thesis(TO_2048_MB, 100, ("svm",)),
                "small-functions": Grid(
                    algorithms=CLASSICAL,
                    memory_mb=(128,),
                    concurrency=(10,),
                    invocations=100,
                    engines=("fast",),
                ),
                "batches": Grid(
                    algorithms=CLASSICAL,
                    memory_mb=(1024,),
                    batch_size=CLASSICAL_BATCHES,
                    concurrency=(10,),
                    invocations=100,
                ),
                "training": Grid(memory_mb=(1024, 1769), concurrency=(1, 2, 4, 8), batch_size=(1,)),
                "fig-5.9": _thesis(TO_10240_MB, 1, ephemeral_mb=10240),
                "bert-batches": Grid(
                    memory_mb=(1024, 1769, 3538),
                    batch_size=BERT_BATCHES,
                    concurrency=(10,),
                    invocations=100,
                ),
                "fig-5.10": THESIS_CONCURRENCY,
                "fig-5.11": THESIS_CONCURRENCY,
            }
        ),
    }
)

EXPERIMENTS = tuple(dict.fromkeys(name for grids in PRESETS.values() for name in grids))
"""Every experiment that some preset knows."""
