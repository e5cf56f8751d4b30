"""Encrypted connections, with certificates made for the test."""

import ssl

import grpc
import pytest
import trustme

from keras_s2s import TLS, ServingError


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """PEM files: an authority, a server's and a client's certificate of its, and another authority."""
    folder = tmp_path_factory.mktemp("certificates")
    ours, other = trustme.CA(), trustme.CA()
    server, client = ours.issue_cert("localhost"), ours.issue_cert("client@example.org")
    ours.cert_pem.write_to_path(folder / "roots.pem")
    other.cert_pem.write_to_path(folder / "others.pem")
    for name, issued in (("server", server), ("client", client)):
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    return folder


@pytest.fixture
def secure(kind, servers, script, authority):
    """The address of a server that wants to see the client's certificate."""
    key, certificate, roots = (authority / name for name in ("server.key", "server.pem", "roots.pem"))
    if kind == "rest":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=roots)
        context.load_cert_chain(certificate, key)
        context.verify_mode = ssl.CERT_REQUIRED
        server, address = servers.http(script, context=context)
        yield address
        server.shutdown()
        server.server_close()
        return
    pair = (key.read_bytes(), certificate.read_bytes())
    credentials = grpc.ssl_server_credentials([pair], roots.read_bytes(), require_client_auth=True)
    server, address = servers.grpc(script, credentials=credentials)
    yield address
    server.stop(None)


def test_both_sides_know_each_other(connect, secure, authority):
    tls = TLS(authority / "roots.pem", authority / "client.pem", authority / "client.key")
    client = connect(secure, tls=tls)
    assert client.translate(["a"]) == ["A"]


@pytest.mark.parametrize("files", [("others.pem", "client.pem", "client.key"), ("roots.pem", None, None), None])
def test_a_stranger_gets_no_answer(connect, kind, secure, authority, script, files):
    tls = TLS(*(file and authority / file for file in files)) if files else None
    with pytest.raises(ServingError, match=r"UNAVAILABLE.*both sides use TLS or neither does"):
        connect(secure, tls=tls, retries=0).translate(["a"])
    assert script.requests == []


def test_a_certificate_needs_its_key(authority):
    with pytest.raises(ValueError, match="give both, or neither"):
        TLS(certificate=authority / "client.pem")


def test_missing_files_are_named(connect, authority, tmp_path):
    with pytest.raises(OSError, match=r"No such file.*none\.pem"):
        connect("localhost:1", tls=TLS(tmp_path / "none.pem"))
    with pytest.raises(OSError, match=r"No such file.*none\.key"):
        connect("localhost:1", tls=TLS(None, authority / "client.pem", tmp_path / "none.key"))
