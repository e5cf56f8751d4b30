"""The server's own configuration files, parsed as it parses them."""

import inspect
import re
import subprocess

import pytest
import trustme
from google.protobuf.text_format import ParseError

from keras_s2s import export_saved_model
from keras_s2s.cli import serve

FILES = ("models.config", "batching.config", "monitoring.config", "tls.config")
BREAKAGES = [
    ("models.config", "base_path:", "base_paths:"),
    ("models.config", "versions: 1", "versions: 'one'"),
    ("models.config", "specific {", "newest {"),
    ("models.config", 'key: "stable"', "key: stable"),
    ("batching.config", "max_batch_size", "max_batch_sizes"),
    ("batching.config", "{ value: 1024 }", ": 1024"),
    ("batching.config", "{ value: true }", "{ value: 64 }"),
    ("monitoring.config", "enable: true", "enabled: true"),
    ("monitoring.config", "enable: true", 'enable: "yes"'),
    ("tls.config", "server_cert", "server_certificate"),
    ("tls.config", "client_verify: true", "client_verify: 2"),
]


@pytest.mark.parametrize("name", FILES)
def test_it_parses(folder, parse, name):
    assert parse(name, (folder / name).read_text(encoding="utf-8")).ByteSize() > 0


@pytest.mark.parametrize(("name", "right", "wrong"), BREAKAGES)
def test_a_broken_field_is_noticed(folder, parse, name, right, wrong):
    text = (folder / name).read_text(encoding="utf-8")
    assert right in text
    with pytest.raises(ParseError):
        parse(name, text.replace(right, wrong))


def read(folder, parse, name):
    return parse(name, (folder / name).read_text(encoding="utf-8"))


def test_labels_point_to_versions_that_are_loaded(folder, parse):
    (model,) = read(folder, parse, "models.config").model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("en_es", "/models/en_es", "tensorflow")
    versions = set(model.model_version_policy.specific.versions)
    assert set(model.version_labels) == {"stable", "canary"}
    assert set(model.version_labels.values()) <= versions


def test_batches_fit_the_exports(folder, parse):
    batching = read(folder, parse, "batching.config")
    limit = inspect.signature(export_saved_model).parameters["max_batch"].default
    assert 0 < batching.max_execution_batch_size.value <= batching.max_batch_size.value <= limit
    assert batching.enable_large_batch_splitting.value
    # The server refuses to load a model if the last of these is not max_batch_size.
    assert not batching.allowed_batch_sizes
    assert batching.num_batch_threads.value > 0
    assert (
        batching.max_enqueued_batches.value * batching.max_execution_batch_size.value >= batching.max_batch_size.value
    )


@pytest.mark.parametrize("packaged", [serve.MONITORING, serve.BATCHING], ids=lambda path: path.name)
def test_serve_has_the_same_files(folder, parse, packaged):
    """`keras-s2s serve` is installed without serving/: it has copies, and they are copies."""
    assert packaged.read_bytes() == (folder / packaged.name).read_bytes()
    assert parse(packaged.name, packaged.read_text(encoding="utf-8")).ByteSize() > 0


def test_serve_knows_how_many_texts_are_joined(folder, parse):
    assert read(folder, parse, "batching.config").max_execution_batch_size.value == serve.MOST_JOINED


def test_metrics_are_on(folder, parse):
    prometheus = read(folder, parse, "monitoring.config").prometheus_config
    assert prometheus.enable
    assert prometheus.path.startswith("/")


def test_the_tls_template_has_the_places_of_pem_texts_and_no_key(folder, parse):
    tls = read(folder, parse, "tls.config")
    for text, title in (
        (tls.server_key, "PRIVATE KEY"),
        (tls.server_cert, "CERTIFICATE"),
        (tls.custom_ca, "CERTIFICATE"),
    ):
        assert text == f"-----BEGIN {title}-----\n...\n-----END {title}-----\n"
    assert tls.client_verify


def test_the_readmes_command_writes_a_tls_config(folder, parse, tmp_path):
    """The command puts PEM files into the text proto so that the server reads the same bytes."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^```sh\n(pem\(\).*?)^```", text, re.MULTILINE | re.DOTALL)
    authority = trustme.CA()
    server = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "clients-ca.pem")
    server.private_key_pem.write_to_path(tmp_path / "server.key")
    server.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    subprocess.run(["bash", "-ec", command], cwd=tmp_path, check=True)
    assert (tmp_path / "tls.config").stat().st_mode & 0o077 == 0
    tls = read(tmp_path, parse, "tls.config")
    assert tls.server_key.encode() == server.private_key_pem.bytes()
    assert tls.server_cert.encode() == server.cert_chain_pems[0].bytes()
    assert tls.custom_ca.encode() == authority.cert_pem.bytes()
    assert tls.client_verify
