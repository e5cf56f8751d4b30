"""Pictures of a model at work. Each function returns a figure, which a notebook shows and `savefig` saves."""

from keras_s2s.plots.attention import attention_map
from keras_s2s.plots.beams import beam_tree
from keras_s2s.plots.contexts import context_vectors
from keras_s2s.plots.curves import training_curves
from keras_s2s.plots.memory import memory_activity
from keras_s2s.plots.network import network
from keras_s2s.plots.quality import quality_by_length

__all__ = [
    "attention_map",
    "beam_tree",
    "context_vectors",
    "memory_activity",
    "network",
    "quality_by_length",
    "training_curves",
]
