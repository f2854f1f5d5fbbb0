"""What all figures share: colours, and how they are written."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DARK, MIDDLE, LIGHT = "#1b3a5c", "#c77b30", "#c9ccd1"
"""Dark blue, mid orange and light grey: three clearly different lightnesses."""


def save(figure: "Figure", stem: Path) -> None:
    """Write a figure as PNG and as PDF."""
    figure.savefig(stem.with_name(f"{stem.name}.png"), dpi=150)
    # Without a date the same results give the same file.
    figure.savefig(stem.with_name(f"{stem.name}.pdf"), metadata={"CreationDate": None})
