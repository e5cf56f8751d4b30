"""Prometheus and Grafana: that they find each other, and ask for metrics that TensorFlow Serving has."""

import json
import re

import promql_parser as promql
import pytest
import yaml

SERVING = ":tensorflow:serving:"
# Of the sources of TensorFlow Serving 2.20: metric: (type, labels). A histogram has _bucket, _sum and _count, and the
# exporter writes each / of a name as a colon.
METRICS = {
    "request_count": ("counter", {"model_name", "status"}),
    "request_latency": ("histogram", {"model_name", "API", "entrypoint"}),
    "runtime_latency": ("histogram", {"model_name", "API", "runtime"}),
    "model_warmup_latency": ("histogram", {"model_path", "status"}),
    "batching_session:queuing_latency": ("histogram", {"thread_pool_name"}),
    "batching_session:input_batch_size": ("histogram", set()),
    "batching_session:processed_batch_size": ("histogram", set()),
}
SERIES = {"up": set()} | {
    f"{SERVING}{name}{suffix}": labels | ({"le"} if suffix == "_bucket" else set())
    for name, (kind, labels) in METRICS.items()
    for suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))
}
TARGET = {"job", "instance"}  # Prometheus gives these to all series


def load(folder, name):
    return yaml.safe_load((folder / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dashboard(folder):
    return json.loads((folder / "grafana/dashboards/translation.json").read_text(encoding="utf-8"))


def expressions(dashboard):
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]


def selectors(expression):
    """Yield name and labels of each metric in an expression, and the labels that it sums by."""
    tree = promql.parse(expression.replace("$__rate_interval", "1m"))
    text = tree.prettify()
    for name, labels in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", text):
        yield name, set(re.findall(r"(\w+)\s*[=!]", labels))
    for name in re.findall(rf"({SERVING}[\w:]*)(?![\w:{{])", text):
        yield name, set()


def check(expression):
    """Raise an error if an expression is none, or asks for what the server does not have."""
    found = list(selectors(expression))
    if not found:
        raise ValueError("no metric")
    known = set()
    for name, labels in found:
        if name not in SERIES or not labels <= SERIES[name] | TARGET:
            raise ValueError(f"{name} {labels}")
        known |= SERIES[name] | TARGET
    for group in re.findall(r"by\s*\(([^)]*)\)", expression):
        if not {label.strip() for label in group.split(",")} <= known:
            raise ValueError(f"by {group}")


def test_the_dashboard_asks_for_metrics_that_there_are(dashboard):
    for title, expression in expressions(dashboard):
        check(expression)
        if "histogram_quantile" in expression:
            assert "sum by (le" in expression, title
            assert "_bucket" in expression, title
    used = {name for _, expression in expressions(dashboard) for name, _ in selectors(expression)}
    for wanted in ("request_count", "request_latency_bucket", "batching_session:processed_batch_size_bucket"):
        assert SERVING + wanted in used


@pytest.mark.parametrize(
    "expression",
    [
        "sum(rate(:tensorflow:serving:request_counts[1m]))",
        'sum(rate(:tensorflow:serving:request_count{model="x"}[1m]))',
        "sum by (version) (rate(:tensorflow:serving:request_latency_count[1m]))",
        "histogram_quantile(0.5, :tensorflow:serving:request_latency_buckets)",
        "sum(rate(:tensorflow:serving:request_count[1m])",
        "sum(rate(:tensorflow:serving:request_count))",
        "1 + 1",
    ],
)
def test_a_broken_expression_is_noticed(expression):
    with pytest.raises(ValueError):
        check(expression)


def test_percentiles_requests_and_batch_sizes_are_on_the_dashboard(dashboard):
    panels = {panel["title"]: [t["expr"] for t in panel["targets"]] for panel in dashboard["panels"]}
    assert [re.search(r"0\.\d+", e)[0] for e in panels["Latency"]] == ["0.5", "0.95", "0.99"]
    assert len(panels["Batch size"]) == 3
    assert "request_count" in panels["Requests per second by status"][0]


def test_panels_have_places_of_their_own(dashboard):
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] in {"stat", "timeseries", "heatmap"}
        assert panel["title"]


def test_latencies_are_shown_in_the_servers_unit(dashboard):
    for panel in dashboard["panels"]:
        times = [t["expr"] for t in panel["targets"] if re.search(r"latency_(bucket|sum)", t["expr"])]
        assert (panel["fieldConfig"]["defaults"]["unit"] == "µs") == bool(times), panel["title"]


def test_the_data_source_is_the_provisioned_one(folder, dashboard):
    (source,) = load(folder, "grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    wanted = {"type": source["type"], "uid": source["uid"]}
    (variable,) = dashboard["templating"]["list"]
    assert variable["datasource"] == wanted
    assert variable["query"]["query"] == f"label_values({SERVING}request_count, model_name)"
    for panel in dashboard["panels"]:
        assert panel["datasource"] == wanted
        assert all(target["datasource"] == wanted for target in panel["targets"])
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_they_find_each_other_in_the_compose_file(folder, parse):
    services = load(folder, "compose.yaml")["services"]
    prometheus = load(folder, "prometheus/prometheus.yml")
    assert set(prometheus) == {"global", "scrape_configs"}
    (job,) = prometheus["scrape_configs"]
    assert set(job) == {"job_name", "metrics_path", "static_configs"}
    monitoring = parse("monitoring.config", (folder / "monitoring.config").read_text(encoding="utf-8"))
    assert job["metrics_path"] == monitoring.prometheus_config.path
    (target,) = job["static_configs"][0]["targets"]
    host, port = target.split(":")
    assert host in services
    assert any(str(published).endswith(f":{port}") for published in services[host]["ports"])
    (source,) = load(folder, "grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]
    assert f'up{{job="{job["job_name"]}"}}' in json.dumps(
        [e for _, e in expressions(json.loads((folder / "grafana/dashboards/translation.json").read_text("utf-8")))]
    ).replace('\\"', '"')


def test_the_dashboard_is_provisioned(folder):
    (provider,) = load(folder, "grafana/provisioning/dashboards/dashboards.yaml")["providers"]
    grafana = load(folder, "compose.yaml")["services"]["grafana"]
    mounts = dict(volume.split(":")[:2] for volume in grafana["volumes"])
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (folder / "grafana/dashboards" / home.rpartition("/")[2]).is_file()


def test_the_pods_name_the_path_of_the_metrics(folder):
    template = load(folder, "kubernetes/deployment.yaml")["spec"]["template"]["metadata"]["annotations"]
    (job,) = load(folder, "prometheus/prometheus.yml")["scrape_configs"]
    assert template["prometheus.io/path"] == job["metrics_path"]
