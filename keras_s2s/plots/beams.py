"""What a beam search keeps, step by step."""

from dataclasses import dataclass, replace

from keras_s2s.config import SearchConfig
from keras_s2s.plots.style import Picture, Theme, drawing, show_piece
from keras_s2s.seq2seq import Seq2Seq

_EOS = "<EOS>"


@dataclass(frozen=True)
class _Beam:
    """A hypothesis at a step: its tokens, `<EOS>` included where it is finished."""

    tokens: tuple[str, ...]
    log_prob: float

    @property
    def finished(self) -> bool:
        return self.tokens[-1:] == (_EOS,)


def beam_tree(model: Seq2Seq, source: str, search: SearchConfig | None = None, *, theme: Theme = "light") -> Picture:
    """Draw the hypotheses that a beam search keeps after each step, and which of them grow on.

    Each column is a step, best first, by log-probability over length penalty; the numbers are the log-probabilities.
    The search is run once for each length, which takes seconds: what it keeps after t steps is what it answers when it
    is stopped there.

    Args:
        model: Any model.
        source: The source text.
        search: Which beam; left out, the model's own, or one of 4.
        theme: `light` or `dark`.

    Raises:
        ValueError: The source has no tokens, or the search is no beam.
    """
    search = search or (model.search if model.search.method == "beam" else SearchConfig(method="beam"))
    if search.method != "beam":
        raise ValueError(f"expected a beam search, got the method {search.method!r}: SearchConfig(method='beam')")
    if len(model.source_tokenizer.encode([source])[0]) == 1:
        raise ValueError(f"the source {source!r} has no tokens: nothing is searched")
    steps = _steps(model, source, search)
    best = steps[-1][0]
    with drawing(1.2 + 1.25 * len(steps), 0.6 + 0.62 * search.beam_size, theme) as (figure, colors):
        axes = figure.add_subplot()
        axes.set_axis_off()
        places: dict[tuple[str, ...], tuple[float, float]] = {(): (0.0, -(search.beam_size - 1) / 2)}
        axes.text(*places[()], _EOS, ha="center", va="center", color=colors.decoder)
        for step, beams in enumerate(steps, start=1):
            here: dict[tuple[str, ...], tuple[float, float]] = {}
            for row, beam in enumerate(beams):
                here[beam.tokens] = (float(step), -float(row))
                stays = beam.tokens in places
                parent = places[beam.tokens if stays else beam.tokens[:-1]]
                ours = best.tokens[: len(beam.tokens)] == beam.tokens
                color = colors.decoder if ours else colors.faint
                axes.annotate(
                    "",
                    (step - 0.36, -row),
                    (parent[0] + 0.36, parent[1]),
                    arrowprops={"arrowstyle": "-", "color": color, "linewidth": 2 if ours else 1},
                    zorder=1,
                )
                label, size = ("(ended)", 8) if stays else (show_piece(beam.tokens[-1]), 10)
                weight = "bold" if ours else "normal"
                axes.text(step, -row, label, ha="center", va="center", weight=weight, size=size)
                axes.text(step, -row - 0.3, f"{beam.log_prob:.2f}", ha="center", va="center", fontsize=7, alpha=0.75)
            places = here
        axes.set(xlim=(-0.5, len(steps) + 0.5), ylim=(-search.beam_size + 0.4, 0.5))
        axes.set_title(f"Beam search, {search.beam_size} hypotheses, best first,\nand their log-probabilities")
        return figure


def _steps(model: Seq2Seq, source: str, search: SearchConfig) -> list[list[_Beam]]:
    """Return what the search keeps after each step, best first."""
    limit = min(search.max_length or model.config.max_target_length, model.config.max_target_length)
    steps: list[list[_Beam]] = []
    for length in range(1, limit + 1):
        stopped = replace(search, max_length=length)
        found = [_Beam(h.tokens, h.log_prob) for h in model.n_best([source], search=stopped)[0]]
        before = {beam.tokens for beam in steps[-1] if beam.finished} if steps else set()
        beams = []
        for beam in found:
            ended = len(beam.tokens) < length
            beams.append(_Beam((*beam.tokens, _EOS), beam.log_prob) if ended else beam)
        steps.append(beams)
        if all(beam.finished for beam in beams) or before == {beam.tokens for beam in beams}:
            break
    return steps
