"""The compose file and the Kubernetes manifests: against their schemas, and against the files that they name."""

import copy
import re
import subprocess
import sys

import kubernetes_validate
import pytest
import yaml

KUBERNETES = ("1.30", "1.37")
MANIFESTS = ("volume", "deployment", "service", "autoscaler", "loader")

# Of tensorflow_serving/model_servers/main.cc: those that are used here, and those that README.md speaks of.
FLAGS = {
    "port", "rest_api_port", "rest_api_num_threads", "model_base_path", "enable_batching", "batching_parameters_file",
    "allow_version_labels_for_unavailable_models", "model_config_file", "model_config_file_poll_wait_seconds",
    "max_num_load_retries", "load_retry_interval_micros", "tensorflow_session_parallelism", "ssl_config_file",
    "grpc_channel_arguments", "grpc_max_threads", "monitoring_config_file", "enable_grpc_healthcheck_service",
    "enable_serialization_as_tensor_content",
}  # fmt: skip


@pytest.fixture(scope="module")
def compose(folder):
    return yaml.safe_load((folder / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def manifests(folder):
    return {
        name: yaml.safe_load((folder / "kubernetes" / f"{name}.yaml").read_text(encoding="utf-8")) for name in MANIFESTS
    }


def check_compose(path):
    """Validate a file against the Compose Specification's schema, which check-jsonschema brings along."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_compose_file_follows_the_specification(folder):
    result = check_compose(folder / "compose.yaml")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("image: prom", "images: prom"), ("retries: 3", "retries: [3]"), ("volumes:\n  prom", "volume:\n  prom")],
)
def test_a_broken_compose_file_is_noticed(folder, tmp_path, right, wrong):
    text = (folder / "compose.yaml").read_text(encoding="utf-8")
    assert right in text
    broken = tmp_path / "compose.yaml"
    broken.write_text(text.replace(right, wrong), encoding="utf-8")
    assert check_compose(broken).returncode == 1


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_follow_the_schemas(manifests, name, version):
    kubernetes_validate.validate(manifests[name], version, strict=True)


def broken(manifests, name, path, value):
    manifest = copy.deepcopy(manifests[name])
    *parents, last = path
    place = manifest
    for key in parents:
        place = place[key]
    place[last] = value
    return manifest


CONTAINER = ("spec", "template", "spec", "containers", 0)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("deployment", (*CONTAINER, "readyProbe"), {}),
        ("deployment", (*CONTAINER, "readinessProbe", "periodSeconds"), "5"),
        ("deployment", (*CONTAINER, "resources", "limit"), {"cpu": "2"}),
        ("deployment", (*CONTAINER, "args"), "--port=1"),
        ("service", ("spec", "ports", 0, "port"), "8500"),
        ("autoscaler", ("spec", "maxReplicas"), None),
        ("autoscaler", ("spec", "metrics", 0, "resource", "target", "averageUtilisation"), 70),
        ("volume", ("spec", "accessModes"), "ReadWriteMany"),
        ("loader", ("spec", "volumes", 0, "claim"), "x"),
    ],
)
def test_a_broken_manifest_is_noticed(manifests, name, path, value):
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken(manifests, name, path, value), KUBERNETES[-1], strict=True)


def container(manifests):
    return manifests["deployment"]["spec"]["template"]["spec"]["containers"][0]


def flags(arguments):
    assert all(re.fullmatch(r"--\w+=\S+", argument) for argument in arguments), arguments
    return dict(argument.removeprefix("--").split("=", 1) for argument in arguments)


@pytest.fixture(params=["compose", "kubernetes"])
def arguments(request, compose, manifests):
    """The server's flags in both places."""
    if request.param == "compose":
        return flags(compose["services"]["tensorflow-serving"]["command"])
    return flags(container(manifests)["args"])


def test_the_server_has_these_flags(arguments):
    assert set(arguments) <= FLAGS
    # Without it the server does not start with labels; without the other one batching.config is an error.
    assert arguments["allow_version_labels_for_unavailable_models"] == "true"
    assert arguments["enable_batching"] == "true"


def test_the_readme_names_no_other_flags(folder):
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`--(\w+)(?:=[^`]*)?`", text)) <= FLAGS | {"help"}


def test_the_files_that_flags_name_are_there(arguments, folder):
    named = {name: value for name, value in arguments.items() if name.endswith("_file")}
    assert set(named) == {"model_config_file", "batching_parameters_file", "monitoring_config_file"}
    for value in named.values():
        assert value.startswith("/config/")
        assert (folder / value.removeprefix("/config/")).is_file()


def test_the_config_map_holds_the_files_that_flags_name(folder, manifests):
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    assert set(kustomization) == {"apiVersion", "kind", "resources", "configMapGenerator", "generatorOptions"}
    assert set(kustomization["resources"]) == {f"kubernetes/{name}.yaml" for name in MANIFESTS if name != "loader"}
    assert all((folder / path).is_file() for path in kustomization["resources"])
    (config_map,) = kustomization["configMapGenerator"]
    values = flags(container(manifests)["args"]).items()
    assert {f"/config/{file}" for file in config_map["files"]} == {v for name, v in values if name.endswith("_file")}
    volumes = manifests["deployment"]["spec"]["template"]["spec"]["volumes"]
    assert {"name": "config", "configMap": {"name": config_map["name"]}} in volumes
    assert kustomization["generatorOptions"] == {"disableNameSuffixHash": True}


def test_manifests_find_each_other(manifests):
    claim = manifests["volume"]["metadata"]["name"]
    for name in ("deployment", "loader"):
        spec = manifests[name]["spec"]
        spec = spec.get("template", {"spec": spec})["spec"]
        claims = [v["persistentVolumeClaim"]["claimName"] for v in spec["volumes"] if "persistentVolumeClaim" in v]
        assert claims == [claim]
        assert {mount["name"] for mount in spec["containers"][0]["volumeMounts"]} == {
            v["name"] for v in spec["volumes"]
        }
    deployment = manifests["deployment"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels == manifests["service"]["spec"]["selector"]
    target = manifests["autoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (deployment["kind"], deployment["metadata"]["name"])
    assert "replicas" not in deployment["spec"]
    ports = {port["name"]: port["containerPort"] for port in container(manifests)["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    assert {p["targetPort"]: p["port"] for p in manifests["service"]["spec"]["ports"]} == ports


def test_probes_ask_for_the_model_and_the_label(folder, parse, manifests, compose):
    (model,) = parse("models.config", (folder / "models.config").read_text(encoding="utf-8")).model_config_list.config
    probes = container(manifests)
    ready = f"/v1/models/{model.name}/labels/stable/metadata"
    assert "stable" in model.version_labels
    for probe in ("startupProbe", "readinessProbe"):
        assert probes[probe]["httpGet"] == {"path": ready, "port": "rest"}
    assert probes["livenessProbe"]["httpGet"] == {"path": f"/v1/models/{model.name}", "port": "rest"}
    assert f"GET {ready} HTTP" in compose["services"]["tensorflow-serving"]["healthcheck"]["test"][-1]
    (mount,) = (m for m in probes["volumeMounts"] if m["name"] == "models")
    assert model.base_path.startswith(mount["mountPath"] + "/")


def test_a_leaving_pod_outlives_its_connections(manifests):
    spec = manifests["deployment"]["spec"]["template"]["spec"]
    (age,) = re.findall(r"grpc\.max_connection_age_ms=(\d+)", " ".join(container(manifests)["args"]))
    sleep, seconds = container(manifests)["lifecycle"]["preStop"]["exec"]["command"]
    assert sleep == "sleep"
    assert int(age) / 1000 < int(seconds) < spec["terminationGracePeriodSeconds"]


def test_a_server_has_as_many_threads_as_cores(folder, parse, manifests, compose):
    """The server counts the cores of the machine, so each of these has to say how many it may have."""
    batching = parse("batching.config", (folder / "batching.config").read_text(encoding="utf-8"))
    threads = batching.num_batch_threads.value
    cores = container(manifests)["resources"]["limits"]["cpu"]
    parallelism = flags(container(manifests)["args"])["tensorflow_session_parallelism"]
    composed = compose["services"]["tensorflow-serving"]["deploy"]["resources"]["limits"]["cpus"]
    assert [int(cores), int(parallelism), int(composed)] == [threads] * 3


def test_images_are_pinned_and_the_same(manifests, compose):
    images = {name: service["image"] for name, service in compose["services"].items()}
    assert images["tensorflow-serving"] == container(manifests)["image"]
    loader = manifests["loader"]["spec"]["containers"][0]["image"]
    for image in (*images.values(), loader):
        assert re.fullmatch(r"[\w./-]+:v?\d+(\.\d+)+", image), image


def test_the_ports_are_open_to_this_machine_alone(compose):
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)


def test_the_compose_file_mounts_what_is_there(compose, folder):
    for service in compose["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (folder / source).exists(), source
            elif source not in (".", "../saved_models"):
                assert source in compose["volumes"]


def test_the_health_check_reads_the_status_line(compose, folder, tmp_path):
    """The shell line is run against a server of ours that answers 200, then 404, then not at all."""
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    *command, line = compose["services"]["tensorflow-serving"]["healthcheck"]["test"]
    assert command == ["CMD", "bash", "-c"]
    with HTTPServer(("localhost", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        here = line.replace("localhost/8501", f"localhost/{server.server_port}")
        codes = []
        for server.status in (200, 404):
            codes.append(subprocess.run(["bash", "-c", here], check=False, timeout=30).returncode == 0)
        server.shutdown()
    codes.append(subprocess.run(["bash", "-c", here], check=False, capture_output=True, timeout=30).returncode == 0)
    assert codes == [True, False, False]
