"""Counts what a transformers pipeline reads and writes, and times its first token."""

import time

from transformers.generation.streamers import BaseStreamer

__all__ = ["TokenClock"]


class TokenClock(BaseStreamer):
    """A streamer: generation puts each prompt and then each new token to it."""

    def start(self):
        """A batch begins."""
        self.started = time.perf_counter()
        self.first_token_ms = None
        self.prompt_tokens = self.new_tokens = 0

    def put(self, value):
        """Token ids: of a prompt in two dimensions, of what follows it in one."""
        if value.dim() > 1:
            self.prompt_tokens += value.numel()
            return
        self.new_tokens += value.numel()
        if self.first_token_ms is None:
            self.first_token_ms = (time.perf_counter() - self.started) * 1000

    def end(self):
        """A text is complete."""

    def figures(self):
        """Of the last batch; the first token's time is that from the batch's start."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "new_tokens": self.new_tokens,
            "time_to_first_token_ms": self.first_token_ms,
        }
