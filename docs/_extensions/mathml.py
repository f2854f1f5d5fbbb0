"""Formulas as MathML, which browsers draw themselves: no script, no network.

The font that they take is in ``_static``.
"""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

log = logging.getLogger(__name__)


def _mathml(node: nodes.math | nodes.math_block, display: str) -> str:
    mathml = convert(node.astext(), display=display)
    if "\\" in mathml:  # a command that it does not know
        log.warning("the formula %r cannot be translated", node.astext(), location=node)
    # As an operator, a function's name keeps its distance from what comes before and after it.
    return re.sub(r"<mi>(log|exp)</mi>", r'<mo lspace="0.17em" rspace="0.17em">\1</mo>', mathml)


def _inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(_mathml(node, "inline"))
    raise nodes.SkipNode


def _block(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(f'<div class="math">{_mathml(node, "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer; ``html_math_renderer = "mathml"`` chooses it."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
