"""Sentence embeddings by CTranslate2: the mean of an encoder's last layer, without torch.

A batch is worked off in buckets of similar length: what is padded to the longest of a batch is
computed for nothing.
"""

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

__all__ = ["TextEncoder"]

MAX_TOKENS = 512
BUCKET_TOKENS = 16
"""Texts are in one bucket when their lengths are the same in multiples of this."""


class TextEncoder:
    """An encoder of BERT's kind; ``figures`` are those of the last call, for the record."""

    def __init__(self, folder, *, threads):
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.model = ctranslate2.Encoder(str(folder), inter_threads=1, intra_threads=threads)
        self.threads, self.figures = threads, {}

    def embed(self, texts):
        """An array of shape (texts, hidden size)."""
        sequences = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        buckets = {}
        for row, ids in enumerate(sequences):
            buckets.setdefault(-(-len(ids) // BUCKET_TOKENS), []).append(row)
        embeddings = [None] * len(texts)
        for rows in buckets.values():
            output = self.model.forward_batch([sequences[row] for row in rows])
            hidden = np.asarray(output.last_hidden_state)
            for row, states in zip(rows, hidden, strict=True):
                embeddings[row] = states[: len(sequences[row])].mean(axis=0)
        self.figures = {
            "prompt_tokens": sum(map(len, sequences)),
            "padding_buckets": len(buckets),
            "threads": self.threads,
        }
        return np.array(embeddings)
