"""Data sets from files and URLs, and what is said when they do not fit."""

from __future__ import annotations

import hashlib
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address

import pandas as pd
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pytest_lambda_ml.datasets import load_dataset
from pytest_lambda_ml.errors import DatasetError

MESSY = (
    "Emotion,Text\r\n"
    'joy," Such an eye ! ""The true"" one, they said"\n'
    "sadness,ON THE WAY!!! é 100% \n"
    'anger,"two\nlines"\n'
    "neutral, Why ? \n"
    "joy,nan\n"
    'fear,it\'s "not" quoted\n'
    "shame,   \n"
)


@pytest.fixture
def emotion_csv(tmp_path):
    path = tmp_path / "sentiment.csv"
    path.write_bytes(MESSY.encode())
    return path


def test_a_csv_with_messy_quoting_loads_row_for_row(emotion_csv, tmp_path):
    dataset = load_dataset("emotion", str(emotion_csv), tmp_path)
    assert dataset.items == (
        ' Such an eye ! "The true" one, they said',
        "ON THE WAY!!! é 100% ",
        "two\nlines",
        " Why ? ",
        "nan",
        'it\'s "not" quoted',
    )
    assert dataset.labels == ("joy", "sadness", "anger", "neutral", "joy", "fear")


def test_pandas_reads_the_same_texts_from_the_path(emotion_csv, tmp_path):
    dataset = load_dataset("emotion", str(emotion_csv), tmp_path)
    frame = pd.read_csv(dataset.path, dtype=str, keep_default_na=False)
    assert [text for text in frame["Text"] if text.strip()] == list(dataset.items)


def test_a_file_is_described_by_name_and_digest(emotion_csv, tmp_path):
    dataset = load_dataset("emotion", str(emotion_csv), tmp_path)
    digest = hashlib.sha256(MESSY.encode()).hexdigest()
    assert dataset.sha256 == digest
    assert dataset.description == f"file sentiment.csv sha256:{digest[:12]}"
    assert dataset.path == emotion_csv.resolve()


def test_questions_may_have_other_columns_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "exam.csv"
    path.write_text('\ufeffquestion,id,year\n"Which? (A) x, (B) y",q1,2015\n', encoding="utf-8")
    dataset = load_dataset("questions", str(path), tmp_path)
    assert (dataset.items, dataset.labels) == (("Which? (A) x, (B) y",), None)


def test_a_path_may_be_relative_or_start_at_home(emotion_csv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    relative = load_dataset("emotion", "sentiment.csv", tmp_path)
    assert relative == load_dataset("emotion", "~/sentiment.csv", tmp_path)


@pytest.mark.parametrize(
    ("content", "complaints"),
    [
        ("Emotion,Message\njoy,x\n", ["no column Text", "Emotion, Message", "Emotion,Text"]),
        ("", ["no column Text, Emotion", "no header"]),
        ("Emotion,Text\n", ["no rows with text"]),
        (b"Emotion,Text\njoy,\xff\xfe\n", ["cannot be read as CSV", "UTF-8"]),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_what_is_needed(tmp_path, content, complaints):
    path = tmp_path / "wrong.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DatasetError) as error:
        load_dataset("emotion", str(path), tmp_path)
    for part in [str(path), *complaints]:
        assert part in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"cannot read .*nowhere\.csv \(No such file"):
        load_dataset("questions", str(tmp_path / "nowhere.csv"), tmp_path)


def test_an_unknown_kind_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(DatasetError, match=r"'images'.*emotion, questions"):
        load_dataset("images", None, tmp_path)


class Server(ThreadingHTTPServer):
    """Serves one file over https on this machine and counts how often it was asked."""

    content = MESSY.encode()
    requests = 0


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests += 1
        self.send_response(200 if self.path == "/sentiment.csv" else 404)
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_):
        """Nothing on the terminal."""


@pytest.fixture
def server(tmp_path, monkeypatch):
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(self_signed_certificate())
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Server(("127.0.0.1", 0), Answer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.url = f"https://127.0.0.1:{server.server_port}/sentiment.csv"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def self_signed_certificate():
    """Key and certificate for 127.0.0.1, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def test_a_url_with_a_checksum_is_downloaded_once(server, tmp_path):
    digest = hashlib.sha256(server.content).hexdigest()
    source = f"{server.url}#sha256={digest}"
    first = load_dataset("emotion", source, tmp_path)
    second = load_dataset("emotion", source, tmp_path)
    assert first == second
    assert server.requests == 1
    assert first.description == f"file sentiment.csv sha256:{digest[:12]}"
    assert len(first.items) == 6


def test_a_url_with_another_checksum_is_refused_and_not_kept(server, tmp_path):
    with pytest.raises(DatasetError, match="another content"):
        load_dataset("emotion", f"{server.url}#sha256={'0' * 64}", tmp_path)
    assert not (tmp_path / "datasets").exists()


def test_a_url_without_a_checksum_is_read_anew(server, tmp_path):
    load_dataset("emotion", server.url, tmp_path)
    server.content = b"Emotion,Text\njoy,new\n"
    assert load_dataset("emotion", server.url, tmp_path).items == ("new",)


def test_a_url_that_fails_says_why_and_what_to_do(server, tmp_path):
    url = server.url.replace("sentiment", "nothing")
    with pytest.raises(DatasetError, match=r"404.*give its path"):
        load_dataset("emotion", url, tmp_path)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [("http://127.0.0.1/x.csv", "only https"), ("https://127.0.0.1/x.csv#md5=1", "sha256=")],
)
def test_other_urls_are_refused_before_anything_is_sent(source, complaint, tmp_path):
    with pytest.raises(DatasetError, match=complaint):
        load_dataset("emotion", source, tmp_path)
