"""Published models at a pinned revision, or their architecture with random weights (for train.py).

The Hugging Face hub is asked first. Where it cannot be reached (or with HF_HUB_OFFLINE=1) the same
architecture is initialised at random from a seed, with a tokenizer made from the questions:
inference takes the same work, and what comes out means nothing.
"""

import json
import os
import string
import sys
import urllib.request

import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import AutoTokenizer, PreTrainedTokenizerFast

__all__ = ["RANDOM", "byte_pair_tokenizer", "load", "word_piece_tokenizer"]

HUB_TIMEOUT_S = 3
RANDOM = "random-init"
SEED = 42
SPECIAL_TOKENS = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
BERT_TOKENS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
LEARNED_TOKENS = 3000  # makes about as many tokens of a question as the models' own tokenizers do


def load(repository, revision, model_class, *, otherwise):
    """Model, tokenizer and where they come from; ``otherwise()`` makes the two without the hub.

    torch runs in one thread from here on: on a busy machine a second one takes longer, and what
    is computed is the same whatever the machine.
    """
    torch.set_num_threads(1)
    if hub_is_reachable(repository, revision):
        try:
            tokenizer = AutoTokenizer.from_pretrained(repository, revision=revision)
            model = model_class.from_pretrained(repository, revision=revision)
        except Exception as error:  # the hub, or a library that only this tokenizer needs
            print(f"{repository} could not be loaded, so random-init: {error}", file=sys.stderr)
        else:
            return model, tokenizer, f"pretrained {repository}@{revision[:12]}"
    torch.manual_seed(SEED)
    return *otherwise(), RANDOM


def hub_is_reachable(repository, revision):
    """Whether the pinned revision can be asked for within seconds."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return False
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    url = f"{endpoint}/api/models/{repository}/revision/{revision}"
    try:
        with urllib.request.urlopen(url, timeout=HUB_TIMEOUT_S):  # noqa: S310 (the hub's own API)
            return True
    except (OSError, ValueError):
        return False


def byte_pair_tokenizer(questions, vocabulary_size):
    """A tokenizer of Llama's kind: byte pairs of the questions, filled up to the full size."""
    learner = Tokenizer(models.BPE(unk_token=SPECIAL_TOKENS["unk_token"]))
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
    )
    learner.train_from_iterator(
        questions,
        trainers.BpeTrainer(
            vocab_size=LEARNED_TOKENS,
            special_tokens=list(SPECIAL_TOKENS.values()),
            initial_alphabet=list(string.printable),
            show_progress=False,
        ),
    )
    tokenizer = fill_up(learner, vocabulary_size)
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL_TOKENS)


def word_piece_tokenizer(texts, vocabulary_size):
    """A tokenizer of BERT's kind: word pieces of the texts, filled up to the full size."""
    learner = Tokenizer(models.WordPiece(unk_token=BERT_TOKENS["unk_token"]))
    learner.normalizer = normalizers.BertNormalizer()
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    learner.train_from_iterator(
        texts,
        trainers.WordPieceTrainer(
            vocab_size=LEARNED_TOKENS,
            special_tokens=list(BERT_TOKENS.values()),
            show_progress=False,
        ),
    )
    tokenizer = fill_up(learner, vocabulary_size)
    tokenizer.decoder = decoders.WordPiece()
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **BERT_TOKENS)


def fill_up(learner, vocabulary_size):
    """The tokenizer with words that no text has, up to the size: to load it costs what it would.

    In the vocabulary itself, not as added tokens: those are slow to load by the thousand.
    """
    state = json.loads(learner.to_str())
    vocabulary = state["model"]["vocab"]
    for token_id in range(len(vocabulary), vocabulary_size):
        vocabulary[f"▁w{token_id}"] = token_id
    return Tokenizer.from_str(json.dumps(state))
