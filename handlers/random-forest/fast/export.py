"""Write the reference's trees as chains of nodes, as word_counts.c describes them.

Trees of word counts are nearly one long path to the left, since few texts have any given word:
scikit-learn numbers the nodes so that a left child follows its parent, so a path is a row already.
"""

import joblib
import numpy as np
from write_word_counts import folders, write_model

LARGEST_LIMIT, LARGEST_SKIP = 254, 65535
ID_BITS = 24

reference, out = folders(__doc__)
vectorizer = joblib.load(reference / "vectorizer.joblib")
model = joblib.load(reference / "model.joblib")
end = len(vectorizer.vocabulary_)

nodes, following, leaves, roots = [], [], [], []
base = leaf_count = 0
first = np.empty((end + 1, len(model.estimators_)), "<u2")
for number, tree in enumerate(estimator.tree_ for estimator in model.estimators_):
    numbers = np.arange(tree.node_count)
    is_leaf = tree.children_left < 0
    if not np.array_equal(tree.children_left[~is_leaf], numbers[~is_leaf] + 1):
        raise SystemExit("this engine knows no trees grown best-first (max_leaf_nodes)")
    limits = np.where(is_leaf, 0, np.floor(tree.threshold))  # counts are whole numbers
    if limits.max(initial=0) > LARGEST_LIMIT:
        raise SystemExit(f"this engine knows no word counts above {LARGEST_LIMIT}")
    leaf_rows = leaf_count + np.cumsum(is_leaf) - 1
    words = np.where(is_leaf, end, tree.feature)
    nodes.append((words + (limits.astype(int) << ID_BITS)).astype("<u4"))
    following.append(np.where(is_leaf, leaf_rows, tree.children_right + base).astype("<u4"))
    leaves.append(tree.value[is_leaf, 0])
    roots.append(base)
    base += tree.node_count
    leaf_count += len(leaves[-1])
    # The first place of each word on the path from the root to the left, else the path's end.
    length = int(np.argmax(is_leaf))
    path = tree.feature[:length]
    first[:, number] = min(length, LARGEST_SKIP)
    first[path[::-1], number] = np.minimum(numbers[:length][::-1], LARGEST_SKIP)

# Most leaves are of one class alone: equal shares are kept once.
shares, rows = np.unique(np.concatenate(leaves), axis=0, return_inverse=True)
nodes, following = np.concatenate(nodes), np.concatenate(following)
at_end = nodes == end
following[at_end] = rows.reshape(-1)[following[at_end]]
nodes.tofile(out / "nodes.u32")
following.tofile(out / "next.u32")
np.array(roots, "<u4").tofile(out / "roots.u32")
first.tofile(out / "first.u16")
shares.astype("<f8").tofile(out / "shares.f64")
write_model(out, vectorizer, classes=model.classes_.tolist())
