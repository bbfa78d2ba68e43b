"""Write the reference's mixture as quadratic forms of word counts.

The log-likelihood of component k, weight included, is −½(x − μ)ᵀP(x − μ) + log|L| + log w, where
P = LLᵀ is its precision. What it has more than that of component 0 is a quadratic form of x.
"""

import joblib
import numpy as np
from write_word_counts import folders, write_model

reference, out = folders(__doc__)
model = joblib.load(reference / "model.joblib")
if model.covariance_type != "full":
    raise SystemExit(f"covariance_type {model.covariance_type!r}: this engine knows only 'full'")


def form(k: int) -> tuple[np.ndarray, np.ndarray, float]:
    """A, b and c of component k's log-likelihood xᵀAx + bᵀx + c."""
    mean, cholesky = model.means_[k], model.precisions_cholesky_[k]
    precision = cholesky @ cholesky.T
    linear = precision @ mean
    constant = np.log(np.diag(cholesky)).sum() + np.log(model.weights_[k]) - mean @ linear / 2
    return precision / -2, linear, constant


square, linear, constant = form(0)
upper = np.triu_indices(len(linear))
constants = []
with (out / "squares.f64").open("wb") as squares, (out / "linear.f64").open("wb") as linears:
    for k in range(1, len(model.means_)):
        a, b, c = form(k)
        (a - square)[upper].astype("<f8").tofile(squares)
        (b - linear).astype("<f8").tofile(linears)
        constants.append(float(c - constant))
write_model(
    out,
    joblib.load(reference / "vectorizer.joblib"),
    classes=list(range(len(model.means_))),
    constants=constants,
)
