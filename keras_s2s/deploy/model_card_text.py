"""A model card for people: Markdown from the card's values. Imports nothing heavy."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import tomli_w

MEGABYTE: Final = 1_000_000
UNKNOWN: Final = "unknown"


def to_markdown(card: Mapping[str, Any]) -> str:
    """Return a card, as `model_card` makes it, as Markdown."""
    sections = (_summary, _data, _evaluation, _model, _limits, _signatures, _recipe, _libraries)
    return "\n".join(line for section in sections for line in section(card)) + "\n"


def _summary(card: Mapping[str, Any]) -> Iterator[str]:
    model, export = card["model"], card["export"]
    config = model["config"]
    number = f", version {export['version']}" if "version" in export else ""
    yield f"# Model card: {card['name']}{number}"
    yield ""
    yield (
        f"An {model['kind']} of {config['layers']} layers of {config['units']} units, {model['parameters']:,} "
        f"parameters, exported on {card['exported']} by keras_s2s {card['libraries']['keras_s2s']} as "
        f"{export['kind']}: {export['bytes'] / MEGABYTE:.1f} MB."
    )


def _data(card: Mapping[str, Any]) -> Iterator[str]:
    data = card["data"] or {}
    yield "\n## Data\n"
    yield from _table(
        ("trained on", data.get("name", UNKNOWN)),
        *((key, data[key]) for key in ("description", "url") if key in data),
        *(("and on", file) for file in data.get("also", ())),
        *(("starting from the model", data[key]) for key in ("start",) if key in data),
        ("licence of the data", data.get("licence", UNKNOWN)),
        ("to be named by whoever publishes the model", data.get("attribution", UNKNOWN)),
    )
    if "start" in data:
        yield "\nWhat the model that training started from has learned from counts too, with its licence: see its card."
    if "licence" not in data:
        yield "\nFind out the licence of the data before you publish this model."


def _evaluation(card: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## Evaluation\n"
    found = card["evaluation"]
    if not found:
        yield "Unknown: no evaluation was given with this export."
        return
    figures = {**found.get("labels", {}), **found.get("error_rates", {}), **found}
    formats = {
        "accuracy": ("accuracy of labels", "{:.1%}"),
        "positions": ("labels scored", "{:,}"),
        "masked": ("labels masked", "{:,}"),
        "token_error_rate": ("token error rate", "{:.2%}"),
        "sequence_error_rate": ("sequence error rate", "{:.2%}"),
        "bleu": ("BLEU", "{:.2f}"),
        "chrf": ("chrF2", "{:.2f}"),
        "exact_match": ("exact match", "{:.1%}"),
        "length_ratio": ("length ratio", "{:.3f}"),
        "sentences": ("sentences", "{:,}"),
    }
    yield from _table(*((title, form.format(figures[key])) for key, (title, form) in formats.items() if key in figures))
    if labels := figures.get("by_label"):
        yield "\n| label | count | precision | recall | F1 |\n|---|---:|---:|---:|---:|"
        for label in labels:
            shares = " | ".join(f"{label[share]:.1%}" for share in ("precision", "recall", "f1"))
            yield f"| {label['label']} | {label['count']:,} | {shares} |"
    if buckets := found.get("bleu_by_length"):
        yield "\n| source words | sentences | BLEU |\n|---|---:|---:|"
        for bucket in buckets:
            longest = "+" if bucket["longest"] is None else f"–{bucket['longest']}"
            yield f"| {bucket['shortest']}{longest} | {bucket['sentences']:,} | {bucket['bleu']:.2f} |"
    yield f"\nTo get the figures again: `{found.get('signature', UNKNOWN)}`. They were measured on the Keras model."


def _model(card: Mapping[str, Any]) -> Iterator[str]:
    vocabulary = card["model"]["vocabulary"]
    yield "\n## Model\n"
    yield (
        f"Text becomes ids, and ids become text, inside: {vocabulary['source']:,} source pieces, "
        f"{vocabulary['target']:,} target pieces (SentencePiece). Settings of the model and of the search:"
    )
    yield from _toml({"model": card["model"]["config"], "search": card["search"]})


def _limits(card: Mapping[str, Any]) -> Iterator[str]:
    limits, export = card["limits"], card["export"]
    yield "\n## Limits\n"
    overlong = "is refused" if export.get("overlong") == "error" else "loses its end"
    yield (
        f"- A source has at most {limits['max_source_length']} tokens, its end included, and "
        f"{limits['max_source_characters']:,} characters; a longer one {overlong}."
    )
    yield f"- A translation has at most {limits['max_target_length']} tokens, its end included."
    if "max_batch" in export:
        yield f"- A request has at most {export['max_batch']:,} texts; one with more is refused."
    yield "- Characters that the training data lacks are unknown to the model, and it writes none of them."
    yield "- A translation may be fluent and wrong. What is not said under Evaluation has not been measured."


def _signatures(card: Mapping[str, Any]) -> Iterator[str]:
    for name, signature in card["export"].get("signatures", {}).items():
        if name == next(iter(card["export"]["signatures"])):
            yield "\n## Signatures"
        yield f"\n`{name}`: {signature.get('description', '')}\n"
        yield "| | tensor | type | shape |\n|---|---|---|---|"
        for side, title in (("inputs", "in"), ("outputs", "out")):
            for tensor, info in signature[side].items():
                yield f"| {title} | `{tensor}` | {info['dtype']} | {_shape(info['shape'])} |"


def _recipe(card: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## Recipe\n"
    if not card["recipe"]:
        yield "Unknown: the model was exported apart from the folder of its training run."
        return
    yield "With the tables above, and paths for the names of files, a configuration for `keras-s2s train`:"
    yield from _toml(card["recipe"])


def _libraries(card: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## Libraries\n"
    yield ", ".join(f"{name} {number}" for name, number in card["libraries"].items())


def _table(*rows: tuple[str, Any]) -> Iterator[str]:
    yield "| | |\n|---|---|"
    for name, value in rows:
        yield f"| {name} | {str(value).replace('|', chr(92) + '|')} |"


def _toml(tables: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n```toml\n{tomli_w.dumps(tables).strip()}\n```"


def _shape(sizes: Sequence[int | None]) -> str:
    names = ["batch" if size is None else str(size) for size in sizes]
    return f"[{', '.join(names)}]"
