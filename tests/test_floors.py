"""Imports go down the floors of the design, and never in a circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import keras_s2s

PACKAGE = Path(keras_s2s.__file__).parent
FLOORS = (
    ("config", "translation", "extras", "kept_memory", "whole_file", "__init__"),
    ("data", "model"),
    ("decoding",),
    ("text_ids",),
    ("seq2seq",),
    ("evaluation", "deploy", "plots"),
    ("training",),
    ("cli",),
)
# Within `deploy`: what exports share, then each export and the clients, then the comparison of all of them.
DEPLOY = (
    ("agreement", "backend", "export_search", "model_card_text", "model_card", "run_facts"),
    ("client", "device", "server", "web_server"),
    ("verification",),
)


def modules():
    """Return the modules, `("data", "corpus")`, with those that each imports as it is loaded."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).with_suffix("").parts
        found[name] = {part for node in ast.parse(path.read_text(encoding="utf-8")).body for part in imported(node)}
    return {name: {target for target in targets if target in found} for name, targets in found.items()}


def imported(node):
    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "keras_s2s":
        base = tuple(node.module.split(".")[1:])
        yield base
        yield from ((*base, alias.name) for alias in node.names)


def floor(part, floors):
    (number,) = (number for number, names in enumerate(floors) if part in names)
    return number


def test_imports_go_down():
    for name, targets in modules().items():
        for target in targets:
            assert floor(target[0], FLOORS) <= floor(name[0], FLOORS), (name, target)
            if name[0] == target[0] == "deploy" and len(name) > 1 < len(target):
                assert floor(target[1], DEPLOY) <= floor(name[1], DEPLOY), (name, target)


def test_there_is_no_circle():
    order = list(TopologicalSorter(modules()).static_order())
    assert ("cli", "main") in order
