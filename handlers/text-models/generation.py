"""Text generation by CTranslate2: the work of transformers' pipeline, without torch.

CTranslate2 takes the seed of its sampling when an environment starts: the same batches in the same
order give the same texts, the same batch twice in a row does not.
"""

import time

import ctranslate2
from tokenizers import Tokenizer

__all__ = ["TextGenerator"]

SEED = 42
PROMPTS_AT_ONCE = 16


class TextGenerator:
    """A causal language model that writes ``new_tokens`` tokens after each prompt.

    ``sampling`` are CTranslate2's options of the same names; ``figures`` are those of the last
    call, for the invocation record.
    """

    def __init__(self, folder, *, threads, new_tokens, **sampling):
        ctranslate2.set_random_seed(SEED)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.model = ctranslate2.Generator(str(folder), inter_threads=1, intra_threads=threads)
        self.threads, self.new_tokens, self.sampling = threads, new_tokens, sampling
        self.figures = {}

    def write(self, batch, prompt):
        """The text after each item; ``prompt(item)`` gives the tokens of its prompt."""
        started = time.perf_counter()
        first_token = []

        def notice(_):
            if not first_token:
                first_token.append(time.perf_counter() - started)
            return False  # go on

        prompts = [prompt(item) for item in batch]
        results = self.model.generate_batch(
            prompts,
            max_batch_size=PROMPTS_AT_ONCE,
            min_length=self.new_tokens,
            max_length=self.new_tokens,
            include_prompt_in_result=False,
            callback=notice,
            **self.sampling,
        )
        written = [result.sequences_ids[0] for result in results]
        self.figures = {
            "prompt_tokens": sum(map(len, prompts)),
            "new_tokens": sum(map(len, written)),
            "time_to_first_token_ms": first_token[0] * 1000,
            "threads": self.threads,
        }
        return [self.tokenizer.decode(ids) for ids in written]

    def logits(self, ids):
        """What follows each token of one sequence, of shape (tokens, vocabulary)."""
        import numpy as np  # to measure quality only: generation does without

        tokens = [self.tokenizer.id_to_token(number) for number in ids]
        return np.asarray(self.model.forward_batch([tokens], return_log_probs=False))[0]
