"""Write the reference's clusters as a linear model of word counts."""

import joblib
from write_word_counts import folders, write_linear

reference, out = folders(__doc__)
centers = joblib.load(reference / "model.joblib").cluster_centers_
write_linear(
    out,
    joblib.load(reference / "vectorizer.joblib"),
    # |x − c|² without |x|², which is the same for all clusters, and the other way round.
    weights=2 * centers.T,
    bias=-(centers**2).sum(axis=1),
    classes=list(range(len(centers))),
)
