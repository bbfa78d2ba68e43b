"""The bundled corpora: the statistics that they are made for, and that they never drift."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC

from pytest_lambda_ml.datasets import load_dataset
from pytest_lambda_ml.datasets.bundled import SHA256, bundled_csv

LABELS = {"anger", "disgust", "fear", "joy", "neutral", "sadness", "shame", "surprise"}


@pytest.fixture(scope="module")
def emotion(tmp_path_factory):
    return load_dataset("emotion", None, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    return load_dataset("questions", None, tmp_path_factory.mktemp("cache"))


def content_words(items):
    analyze = CountVectorizer(stop_words="english").build_analyzer()
    return [analyze(text) for text in items]


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def test_the_bundled_files_are_those_whose_digests_are_written_down(emotion, questions):
    for dataset in (emotion, questions):
        assert hashlib.sha256(dataset.path.read_bytes()).hexdigest() == SHA256[dataset.kind]
        assert (dataset.sha256, dataset.description) == (SHA256[dataset.kind], "bundled")


def test_emotions_have_eight_labels_and_enough_distinct_texts(emotion):
    assert set(emotion.labels) == LABELS
    assert len(emotion.labels) == len(emotion.items) >= 5000
    assert len(set(emotion.items)) > 0.99 * len(emotion.items)
    assert min(Counter(emotion.labels).values()) >= 100


def test_messages_are_as_long_as_real_ones(emotion):
    assert 82 <= mean(map(len, emotion.items)) <= 92
    assert min(map(len, emotion.items)) < 25
    assert max(map(len, emotion.items)) > 140


def test_the_vocabulary_is_large_and_has_a_long_tail(emotion):
    counts = Counter(word for row in content_words(emotion.items) for word in row)
    assert len(CountVectorizer().fit(emotion.items).vocabulary_) >= 10_000
    assert len(counts) >= 10_000
    ranked = [count for _, count in counts.most_common()]
    assert ranked[0] > 4 * ranked[50] > 16 * ranked[500]
    assert sum(count == 1 for count in ranked) > len(ranked) / 2


def test_half_of_the_words_are_stop_words_and_some_rows_repeat_a_word(emotion):
    every = [CountVectorizer().build_analyzer()(text) for text in emotion.items]
    content = content_words(emotion.items)
    assert 0.44 <= 1 - sum(map(len, content)) / sum(map(len, every)) <= 0.54
    assert 7.0 <= mean(len(set(row)) for row in content) <= 8.0
    assert 0.15 <= mean(len(set(row)) < len(row) for row in content) <= 0.19


def test_messages_have_the_casing_and_punctuation_of_short_messages(emotion):
    assert 0.05 < mean(text.islower() for text in emotion.items) < 0.20
    assert 0.003 < mean(text.isupper() for text in emotion.items) < 0.03
    assert 0.4 < mean(text[-1] in ".!?" for text in emotion.items) < 0.8


def test_emotions_can_be_learned_but_not_perfectly(emotion):
    texts, held_out, labels, expected = train_test_split(
        emotion.items, emotion.labels, random_state=0
    )
    vectorizer = CountVectorizer(stop_words="english")
    model = LinearSVC(random_state=42).fit(vectorizer.fit_transform(texts), labels)
    assert 0.55 <= model.score(vectorizer.transform(held_out), expected) <= 0.90


def test_questions_have_four_choices_and_forty_to_seventy_words(questions):
    assert questions.labels is None
    assert len(set(questions.items)) == len(questions.items) >= 500
    for question in questions.items:
        assert 40 <= len(question.split()) <= 70
        stem, *choices = [part.strip() for part in split_choices(question)]
        assert stem.endswith("?")
        assert len(set(choices)) == 4
        assert all(choices)


def split_choices(question):
    for letter in "ABCD":
        question = question.replace(f"({letter})", "\n")
    return question.split("\n")


def test_the_file_in_the_cache_is_what_train_py_reads(emotion, questions):
    with emotion.path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["Text"] for row in rows] == list(emotion.items)
    assert [row["Emotion"] for row in rows] == list(emotion.labels)
    with questions.path.open(newline="", encoding="utf-8") as file:
        assert [row["question"] for row in csv.DictReader(file)] == list(questions.items)


def test_a_file_cut_short_in_the_cache_is_written_again(tmp_path):
    path = bundled_csv("questions", tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    assert load_dataset("questions", None, tmp_path).sha256 == SHA256["questions"]


def test_sessions_that_start_together_read_the_same_file(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(lambda _: load_dataset("questions", None, tmp_path), range(4)))
    assert {dataset.sha256 for dataset in loaded} == {SHA256["questions"]}
    assert [path.suffix for path in (tmp_path / "datasets").iterdir()] == [".csv"]
