"""How many requests a server answers, how fast, and what it gains where a request holds 32 texts.

    python benchmarks/serving.py saved_models/en_es
    python benchmarks/serving.py saved_models/en_es --grpc 127.0.0.1:8500

32 clients, each with a connection of its own, ask without a pause: 10,000 requests of one text, and a tenth as many of
32 texts, in turns, so that a busy moment meets both. Each answer is compared with that of the SavedModel, loaded in
this process. Without `--grpc`, `keras-s2s serve` is started on the folder. The exit code is 1 where a request failed,
an answer was wrong, or 32 texts a request are not at least 4 times as fast.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the tokeniser's ops
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from keras_s2s import load_dataset

ROUNDS = 4
MANY = 32
FEWER = 10
LEAST_GAIN = 4
SECONDS = 60
START_SECONDS = 300


class Load:
    """Requests of one size: their latencies in seconds, and what went wrong."""

    def __init__(self, model: str, answers: dict[str, bytes], size: int) -> None:
        """Prepare the requests: all texts in their order, in pieces of `size`."""
        texts = list(answers)
        starts = range(0, len(texts) - size + 1, size)
        self.pieces = [
            (self._request(model, texts[i : i + size]), [answers[t] for t in texts[i : i + size]]) for i in starts
        ]
        self.size = size
        self.latencies: list[float] = []
        self.seconds = 0.0
        self.errors = self.wrong = 0

    @staticmethod
    def _request(model: str, texts: list[str]) -> predict_pb2.PredictRequest:
        request = predict_pb2.PredictRequest(model_spec={"name": model}, output_filter=["translations"])
        request.inputs["texts"].CopyFrom(tf.make_tensor_proto(texts))
        return request

    async def run(self, target: str, clients: int, requests: int) -> None:
        """Send `requests` requests from `clients` clients."""
        todo = iter([self.pieces[i % len(self.pieces)] for i in range(requests)])
        began = time.perf_counter()
        await asyncio.gather(*(self._client(target, todo) for _ in range(clients)))
        self.seconds += time.perf_counter() - began

    async def _client(self, target: str, todo: Iterator[tuple[predict_pb2.PredictRequest, list[bytes]]]) -> None:
        # Else all channels of a process share one connection.
        async with grpc.aio.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            await channel.channel_ready()
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            for request, expected in todo:
                began = time.perf_counter()
                try:
                    response = await stub.Predict(request, timeout=SECONDS)
                except grpc.RpcError as error:
                    self.errors += 1
                    print(f"failed: {error.code()} {error.details()}", file=sys.stderr)
                    continue
                self.latencies.append(time.perf_counter() - began)
                self.wrong += list(response.outputs["translations"].string_val) != expected

    @property
    def rate(self) -> float:
        """Texts a second; 0 where nothing was answered."""
        return len(self.latencies) * self.size / self.seconds if self.latencies else 0.0

    def __str__(self) -> str:
        """The figures."""
        done = len(self.latencies)
        counts = f"{self.size:2d} texts a request: {done:6,} answers, {self.errors} errors, {self.wrong} wrong"
        if not done:
            return counts
        p50, p95, p99 = np.percentile(np.array(self.latencies) * 1000, [50, 95, 99])
        return (
            f"{counts} · {done / self.seconds:7.1f} requests/s, {self.rate:8.1f} texts/s · "
            f"p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms"
        )


def expected_answers(folder: Path, texts: list[str]) -> dict[str, bytes]:
    """Return the answer of the newest version in `folder` to each text."""
    version = max((path for path in folder.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))
    translate = tf.saved_model.load(str(version)).signatures["serving_default"]
    pieces = [texts[i : i + MANY] for i in range(0, len(texts), MANY)]
    answers = [answer for piece in pieces for answer in translate(texts=tf.constant(piece))["translations"].numpy()]
    return dict(zip(texts, answers, strict=True))


@contextmanager
def started_server(folder: Path, model: str) -> Iterator[str]:
    """Run `keras-s2s serve` on the folder; yield its HOST:PORT."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = [str(free.getsockname()[1]) for free in (one, two)]
    line = ["serve", str(folder), "--name", model, "--port", ports[0], "--rest-port", ports[1]]
    process = subprocess.Popen([sys.executable, "-m", "keras_s2s.cli.main", *line], stdout=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{ports[0]}"
    finally:
        process.terminate()
        process.wait(60)


def wait_until_available(target: str, model: str) -> None:
    """Wait for a version that answers."""
    request = get_model_status_pb2.GetModelStatusRequest(model_spec={"name": model})
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    end, cause = time.monotonic() + START_SECONDS, "it loads"
    with grpc.insecure_channel(target) as channel:
        while True:
            try:
                status = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, SECONDS)
                if any(version.state == available for version in status.model_version_status):
                    return
            except grpc.RpcError as error:
                cause = error.details()
            if time.monotonic() > end:
                raise SystemExit(f"{target} has no available version of {model}: {cause}")
            time.sleep(0.2)


async def measure(target: str, clients: int, requests: int, one: Load, many: Load) -> None:
    """Run both loads in turns; the first requests of each are not counted."""
    await one.run(target, clients, 2 * clients)
    await many.run(target, clients, 2 * clients)
    for load in (one, many):
        load.latencies, load.seconds = [], 0.0
    for _ in range(ROUNDS):
        await one.run(target, clients, requests // ROUNDS)
        await many.run(target, clients, requests // ROUNDS // FEWER)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the exported model's folder, with its versions")
    parser.add_argument("--grpc", help="HOST:PORT of a running server with this model; left out: one is started")
    parser.add_argument("--model", help="the model's name; left out: the folder's")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--dataset", default="phrasebook-en-es", help="whose test split is translated")
    arguments = parser.parse_args()
    model = arguments.model or arguments.folder.resolve().name

    texts = list(dict.fromkeys(pair.source for pair in load_dataset(arguments.dataset).test))
    answers = expected_answers(arguments.folder, texts)
    one, many = Load(model, answers, 1), Load(model, answers, MANY)
    with started_server(arguments.folder, model) if not arguments.grpc else nullcontext(arguments.grpc) as target:
        wait_until_available(target, model)
        asyncio.run(measure(target, arguments.clients, arguments.requests, one, many))
    print(f"{arguments.clients} clients, {len(texts):,} texts of {arguments.dataset}")
    print(one)
    print(many)
    gain = many.rate / one.rate if one.rate else 0.0
    print(f"texts a second, {MANY} a request against one: {gain:.1f} times")
    return int(bool(one.errors + many.errors + one.wrong + many.wrong) or gain < LEAST_GAIN)


if __name__ == "__main__":
    sys.exit(main())
