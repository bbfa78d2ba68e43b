"""Write the reference's components as a linear model of word counts."""

import joblib
from write_word_counts import folders, write_linear

reference, out = folders(__doc__)
model = joblib.load(reference / "model.joblib")
components = model.components_.T
if model.whiten:
    components = components / model.explained_variance_**0.5
write_linear(
    out,
    joblib.load(reference / "vectorizer.joblib"),
    weights=components,
    bias=-(model.mean_ @ components),
    classes=list(range(components.shape[1])),
)
