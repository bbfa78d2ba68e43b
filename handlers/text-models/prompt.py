"""Prompts of a length that costs the same whatever the question."""

__all__ = ["hold"]


def hold(text, tokenizer, tokens):
    """The text, repeated or cut to a number of tokens in the range ``tokens``.

    ``tokenizer`` is one of the library tokenizers. What is cut ends with a whole token.
    """
    held = text
    while len(encoding := tokenizer.encode(held, add_special_tokens=False)) < tokens[0]:
        held += " " + text
    return held[: encoding.offsets[: tokens[-1]][-1][1]]
