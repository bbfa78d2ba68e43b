"""Logistic regression over shards by consensus ADMM: plain mathematics, no I/O.

The whole objective (that of scikit-learn's LogisticRegression with C = 1) is a sum over shards:
the loss of a shard's rows and its part of the penalty. Each shard minimises its own part near the
consensus of all, and what keeps it from agreeing is remembered as its dual (Boyd et al., 2011,
"Distributed Optimization and Statistical Learning via ADMM", sections 3.4.3 and 7.1). The first
round has no consensus yet: the mean of what it gives is one-shot parameter averaging.

Weights have a row for each word and a last one, which is not penalised, for the intercept.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_array

__all__ = ["consensus", "counts", "loss", "predict", "solve_shard"]

RHO = 1.0
RELAXATION = 1.6
FIRST_STEPS, STEPS, ALONE_STEPS = 30, 10, 1000


def counts(rows, vocabulary):
    """Word counts of tokenised rows with a column of ones at the end; unknown words count not."""
    indices, ends = [], [0]
    for words in rows:
        indices += [vocabulary[word] for word in words if word in vocabulary]
        indices.append(len(vocabulary))
        ends.append(len(indices))
    shape = (len(rows), len(vocabulary) + 1)
    return csr_array((np.ones(len(indices)), indices, ends), shape=shape)


def loss(weights, matrix, labels):
    """The log loss of all rows, summed, and its gradient by the weights."""
    rows = np.arange(len(labels))
    scores = matrix @ weights
    scores -= scores.max(axis=1, keepdims=True)
    shares = np.exp(scores)
    sums = shares.sum(axis=1, keepdims=True)
    value = (np.log(sums[:, 0]) - scores[rows, labels]).sum()
    shares /= sums
    shares[rows, labels] -= 1
    return value, matrix.T @ shares


def solve_shard(matrix, labels, shape, shards, center=None, last=None):
    """What a shard sends in a round: its weights and its dual, summed.

    ``center`` is the consensus of the round before (None in the first), ``last`` what this shard
    sent then.
    """
    penalty = np.full((shape[0], 1), 1 / shards)
    penalty[-1] = 0
    near = center is not None
    start = center if near else np.zeros(shape)
    dual = last - center if near else np.zeros(shape)

    def objective(flat):
        weights = flat.reshape(shape)
        value, gradient = loss(weights, matrix, labels)
        value += (penalty * weights**2).sum() / 2
        gradient += penalty * weights
        if near:
            away = weights - center + dual
            value += RHO * (away**2).sum() / 2
            gradient += RHO * away
        return value, gradient.ravel()

    steps = STEPS if near else FIRST_STEPS if shards > 1 else ALONE_STEPS
    found = minimize(
        objective, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": steps}
    )
    weights = found.x.reshape(shape)
    return RELAXATION * weights + (1 - RELAXATION) * center + dual if near else weights


def consensus(sent):
    """The weights on which the shards agree in this round."""
    return sum(sent) / len(sent)


def predict(weights, matrix):
    """The class number of each row."""
    return (matrix @ weights).argmax(axis=1)
