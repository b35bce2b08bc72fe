"""A made-up figure: empty but for the words that it is not real."""

from __future__ import annotations

from typing import Any

__all__ = ["figure_like"]


def figure_like(cls: Any, seed: str) -> Any:
    """Give a figure of a class of matplotlib, plotly or altair that says what it is not.

    Args:
        cls: ``matplotlib.figure.Figure``, ``plotly.graph_objects.Figure`` or ``altair.Chart``.
        seed: is shown on it.
    """
    text = f"not real: {seed}"
    match cls.__module__.split(".")[0]:
        case "matplotlib":
            figure = cls(figsize=(6, 4))
            figure.text(0.5, 0.5, text, ha="center", va="center")
            return figure
        case "plotly":
            return cls(layout={"title": {"text": text}})
    return cls({"values": [{"text": text}]}).mark_text().encode(text="text:N").properties(title=text)
