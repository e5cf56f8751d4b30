"""Exports of other models, and models on a server: what `verify` says of them, and that it hangs up."""

from concurrent import futures

import grpc
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc as prediction_service
from typer.testing import CliRunner

from keras_s2s import ModelConfig, Pair, SearchConfig, Seq2Seq, ServingClient, TokenizerConfig
from keras_s2s.cli.main import app
from keras_s2s.deploy.verification.find_exports import open_export
from keras_s2s.deploy.verification.served_exports import ServedExport
from keras_s2s.deploy.verification.verify import Verification

GREEDY = SearchConfig()
BEAM = SearchConfig(method="beam", beam_size=4)
ANOTHER = "an export of another model: .*; compare it with the .keras file that it was made from, or name"


class Server(prediction_service.PredictionServiceServicer):
    """The signatures of a SavedModel, whatever its model is called."""

    def __init__(self, folder):
        self._loaded = tf.saved_model.load(str(folder))
        saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        self._definitions = saved.meta_graphs[0].signature_def

    def GetModelMetadata(self, request, context):
        response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec={"version": {"value": 1}})
        response.metadata["signature_def"].Pack(get_model_metadata_pb2.SignatureDefMap(signature_def=self._definitions))
        return response

    def Predict(self, request, context):
        inputs = {name: tf.constant(tf.make_ndarray(proto)) for name, proto in request.inputs.items()}
        outputs = self._loaded.signatures[request.model_spec.signature_name](**inputs)
        return predict_pb2.PredictResponse(outputs={n: tf.make_tensor_proto(x.numpy()) for n, x in outputs.items()})


@pytest.fixture(scope="module")
def serve():
    """A function that serves a version folder over gRPC and returns HOST:PORT/MODEL."""
    servers = []

    def serve(folder):
        server = grpc.server(futures.ThreadPoolExecutor(2))
        prediction_service.add_PredictionServiceServicer_to_server(Server(folder), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return f"127.0.0.1:{port}/tiny"

    yield serve
    for server in servers:
        server.stop(None)


@pytest.fixture(scope="module")
def address(serve, saved_model):
    return serve(saved_model)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A SavedModel that is nobody's translator."""
    module = tf.Module()
    module.double = tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    folder = tmp_path_factory.mktemp("foreign") / "1"
    tf.saved_model.save(module, str(folder), {"serving_default": module.double})
    return folder


def untrained(text):
    """A model of as many pieces as the exported one, learned from another text."""
    pieces = TokenizerConfig(vocabulary_size=30)
    config = ModelConfig(source_tokenizer=pieces, target_tokenizer=pieces, units=8, embedding=8)
    return Seq2Seq.from_pairs([Pair(text, text)] * 40, config)


@pytest.fixture(scope="module")
def others(make_model):
    """Models that the export is not of: of another number of pieces, and of as many other ones."""
    return {
        "fewer pieces": make_model(),
        "other pieces": untrained("quick jumping zebras vex bold wolf packs"),
    }


@pytest.fixture
def closed(monkeypatch):
    """The clients that were closed, each as often as it was."""
    closed, close = [], ServingClient.close
    monkeypatch.setattr(ServingClient, "close", lambda client: (closed.append(client), close(client)))
    return closed


def test_a_model_on_a_server_answers_as_its_model(model, address, sentences, closed):
    with open_export(address, model, GREEDY) as export:
        assert isinstance(export, ServedExport)
        assert export.searches == {"plain": GREEDY, "beam": BEAM}
        comparisons = list(Verification(model, sentences).compare(export))
        assert closed == []
    assert [(c.export, c.texts, c.differences) for c in comparisons] == [(address, len(sentences), ())] * 2
    assert len(closed) == 1
    with pytest.raises(ValueError, match="closed channel"):
        export.plain(["the red cat"])


def test_a_server_of_a_model_with_another_number_of_pieces(others, address, closed):
    with pytest.raises(ValueError, match=f"{address}: {ANOTHER}") as caught:
        open_export(address, others["fewer pieces"], GREEDY)
    assert "it writes 30 pieces, this model's target tokeniser has" in str(caught.value)
    assert len(closed) == 1


def test_a_server_of_a_model_with_other_pieces(others, address, sentences):
    """Nothing but its answers tells: their pieces are met in time."""
    other = others["other pieces"]
    assert len(other.target_tokenizer) == 30
    with open_export(address, other, GREEDY) as export, pytest.raises(ValueError, match=ANOTHER) as caught:
        list(Verification(other, sentences[:4]).compare(export))
    assert "has the piece " in str(caught.value)


@pytest.mark.parametrize("kind", ["fewer pieces", "other pieces"])
def test_a_saved_model_of_another_model(others, saved_model, kind):
    with pytest.raises(ValueError, match=ANOTHER):
        open_export(str(saved_model), others[kind], GREEDY)


def test_a_saved_model_whose_target_tokeniser_alone_is_another(model, others, saved_model):
    other = Seq2Seq(others["other pieces"].config, model.source_tokenizer, others["other pieces"].target_tokenizer)
    with pytest.raises(ValueError, match="its tokenisers are not this model's"):
        open_export(str(saved_model), other, GREEDY)


def test_what_keras_s2s_did_not_make(model, foreign, serve, closed):
    for name in (str(foreign), serve(foreign)):
        with pytest.raises(ValueError, match="not made by keras_s2s") as caught:
            open_export(name, model, GREEDY)
        assert str(caught.value).startswith(name)
        assert "expected the signatures serving_default, beam, decode_step, got serving_default;" in str(caught.value)
    assert len(closed) == 1


def test_the_command_hangs_up(model, address, tmp_path, closed):
    model.save(tmp_path / "model.keras")
    result = CliRunner().invoke(app, ["verify", str(tmp_path / "model.keras"), address, "--count", "20"])
    assert result.exit_code == 0, result.output
    assert len(closed) == 1
