"""Write the reference's weights as a linear model of word counts."""

import joblib
from write_word_counts import folders, write_classifier

reference, out = folders(__doc__)
vectorizer = joblib.load(reference / "vectorizer.joblib")
write_classifier(out, vectorizer, joblib.load(reference / "model.joblib"))
