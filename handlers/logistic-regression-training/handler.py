"""One task of a training over many functions: words or weights of one shard, in one round.

A message is a token of work: which shard and round it does, it claims in S3. So no order of
messages can make functions wait for each other for ever. The last one to finish in a round makes
the consensus of it (round 0: the vocabulary), and the next round is open. Tokens that are left when
the training has ended do nothing.
"""

import json
import re
import time
from functools import cache
from pathlib import Path

import numpy as np
from board import Board, client
from consensus import consensus, counts, predict, solve_shard
from split import is_held_out

__all__ = ["INITIALIZE_AT_IMPORT", "figures", "initialize", "process"]

INITIALIZE_AT_IMPORT = True
TOKENS = re.compile(r"(?u)\b\w\w+\b")  # CountVectorizer's
PATIENCE_S = 60
PAUSE_S = 0.2  # each look is a LIST, which costs as much as 0.3 s of 1,024 MB
SETTLED = 0.02  # the consensus has moved by less, in relation to its length

last_task = {}


@cache
def initialize():
    """The stop words."""
    text = Path(__file__).with_name("stop_words.txt").read_text(encoding="utf-8")
    return frozenset(text.split())


def figures():
    """What the task was, what it found, and the S3 requests it took."""
    return last_task


def process(batch):
    """Do one task of the training that the message names; its name, or "nothing"."""
    last_task.clear()
    job = json.loads(batch[0])
    board = Board(client(), job["bucket"], job["prefix"])
    began = time.perf_counter()
    task = take_task(board, job["shards"])
    last_task["waited_ms"] = (time.perf_counter() - began) * 1000
    if task:
        number, shard = task
        last_task.update(round=number, shard=shard)
        if number == 0:
            count_words(board, shard)
        else:
            fit(board, job, number, shard)
        finish_round(board, job, number)
    last_task.update(s3_writes=board.writes, s3_reads=board.reads)
    return [f"round {task[0]} shard {task[1]}" if task else "nothing"]


def take_task(board, shards):
    """(round, shard) of the first task that is free, waiting for a round; None at the end."""
    until = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < until:
        keys = board.keys("state/")
        if "state/done" in keys:
            return None
        number = sum(key.startswith("state/open-") for key in keys)
        for shard in range(shards):
            name = f"state/claim-{number:03d}-{shard:03d}"
            if name not in keys and board.claim(name):
                return number, shard
        time.sleep(PAUSE_S)
    raise TimeoutError(f"round {number} was not finished within {PATIENCE_S} s")


def tokens(text):
    """The words of a text that count."""
    return [word for word in TOKENS.findall(text.lower()) if word not in initialize()]


def count_words(board, shard):
    """Round 0: the words, labels and held-out rows of a shard."""
    rows = board.get(f"shards/{shard:03d}")
    words = {word for text, _ in rows if not is_held_out(text) for word in tokens(text)}
    part = {
        "words": sorted(words),
        "labels": sorted({label for _, label in rows}),
        "held_out": [row for row in rows if is_held_out(row[0])],
    }
    board.put(part_name(0, shard), part)
    last_task["rows"] = len(rows)


environment = {}  # matrices by training, so that later rounds need not count again


def matrix_of(board, name, rows):
    """Counts and label numbers of rows, and the shape of the weights."""
    key = (board.prefix, name)
    if key not in environment:
        common = shared(board)
        vocabulary = {word: at for at, word in enumerate(common["words"])}
        labels = np.array([common["labels"].index(label) for _, label in rows()])
        shape = (len(vocabulary) + 1, len(common["labels"]))
        environment[key] = counts([tokens(text) for text, _ in rows()], vocabulary), labels, shape
    return environment[key]


def shared(board):
    """What round 0 came to."""
    key = (board.prefix, "common")
    if key not in environment:
        environment[key] = board.get("common")
    return environment[key]


def fit(board, job, number, shard):
    """Rounds from 1 on: the weights of a shard, near the consensus of the round before."""

    def training_rows():
        rows = board.get(f"shards/{shard:03d}")
        return [row for row in rows if not is_held_out(row[0])]

    matrix, labels, shape = matrix_of(board, shard, cache(training_rows))
    before = ()
    if number > 1:
        before = board.get(f"weights/{number - 1:03d}"), board.get(part_name(number - 1, shard))
    board.put(part_name(number, shard), solve_shard(matrix, labels, shape, job["shards"], *before))


def finish_round(board, job, number):
    """Whoever finds all parts there first makes the consensus of them."""
    names = sorted(part_name(number, shard) for shard in range(job["shards"]))
    if board.keys(f"parts/{number:03d}-") != set(names):
        return
    if not board.claim(f"reduce/{number:03d}"):
        return
    parts = [board.get(name) for name in names]
    ended = False
    if number == 0:
        board.put("common", merged(parts))
    else:
        ended = agree(board, job, number, consensus(parts))
    board.put("state/done" if ended else f"state/open-{number:03d}", 1)


def merged(parts):
    """One vocabulary, in CountVectorizer's order, all labels, and all held-out rows."""
    return {
        "words": sorted({word for part in parts for word in part["words"]}),
        "labels": sorted({label for part in parts for label in part["labels"]}),
        "held_out": [row for part in parts for row in part["held_out"]],
    }


def agree(board, job, number, weights):
    """Keep the weights and measure them; whether the training has ended."""
    board.put(f"weights/{number:03d}", weights)
    held_out = shared(board)["held_out"]
    matrix, labels, _ = matrix_of(board, "held out", lambda: held_out)
    accuracy = float((predict(weights, matrix) == labels).mean())
    moved = 1.0
    if number > 1:
        before = board.get(f"weights/{number - 1:03d}")
        moved = float(np.linalg.norm(weights - before) / np.linalg.norm(weights))
    last_task.update(accuracy=accuracy, moved=moved)
    return job["shards"] == 1 or number == job["rounds"] or moved < SETTLED


def part_name(number, shard):
    """What a shard sends in a round."""
    return f"parts/{number:03d}-{shard:03d}"
