"""Model cards: filled in from records, and what they say against their model."""

from mesocore._lazy import exports

__getattr__, __dir__ = exports(__name__, known_limits=[], model_card=[])
