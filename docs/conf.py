"""How Sphinx builds the documentation.

sphinx-build -W --keep-going -b html docs site && python docs/check_site.py site
"""

import json
import os
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

import socialpref
from socialpref.course import notebooks, to_jupyter
from socialpref.explorer import build

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))
os.environ["MATPLOTLIBRC"] = str(HERE / "matplotlibrc")  # for the notebooks' kernels

project = "socialpref"
author = "The socialpref developers"
release = version = socialpref.__version__
copyright = author  # noqa: A001 - Sphinx's name

extensions = [
    "mathml",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",  # for its role "autolink"
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_extensions"]

# Pages are Markdown. Python examples between ``` are doctests, run by pytest; the notebooks'
# {code-cell}s are run here, and an error in one stops the build.
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_execution_show_tb = True
nb_merge_streams = True
nb_render_image_options = {"class": "cell-figure"}

# The reference is written from numpydoc docstrings.
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_typehints = "none"  # the docstrings say them, in words
autodoc_member_order = "bysource"
autodoc_mock_imports = ["accelerate", "trl"]  # too much to install for a page of docstrings
autodoc_default_options = {"members": True}
default_role = "autolink"
nitpicky = True
suppress_warnings = ["ref.python"]  # an attribute that several classes have
nitpick_ignore_regex = [(r"py:.*", r"(?!socialpref).*")]  # types in words: "array_like, shape (K,)"

html_theme = "furo"
html_title = "socialpref"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# External addresses are looked at by `sphinx-build -b linkcheck`, which needs a network; what is
# inside the site is checked by docs/check_site.py.
linkcheck_anchors = False

OUTSIDE = {"../data/pew/README.md": "reference/surveys.md"}
"""Files outside docs that pages link to, and the pages that show them on the site."""
EXPLORER = "explorer.html"
"""Where the site has the explorer."""
EXPLAINED = "reference/figures-and-reports"
"""The page about the explorer, in a section of that name."""
NOTEBOOKS = "notebooks/"
"""Where the site has the notebooks, as pages and as files for Jupyter."""


def _link_inside(app: Sphinx, page: str, source: list[str]) -> None:
    if page == EXPLAINED:
        title = "\n## The explorer\n"
        link = f'<a href="../{EXPLORER}"><strong>Open it here.</strong></a>'
        source[0] = source[0].replace(title, f"{title}\n{link}\n", 1)
    if page.startswith(NOTEBOOKS):
        file = f"{page.removeprefix(NOTEBOOKS)}.ipynb"
        link = f'<a href="{file}" download>Download this page for Jupyter</a> (`{file}`)'
        source[0] = re.sub(r"^(# .*)$", rf"\1\n\n{link}", source[0], count=1, flags=re.MULTILINE)
    for file, shown in OUTSIDE.items():
        up = "../" * page.count("/")
        source[0] = source[0].replace(f"]({up}{file}", f"]({up}{shown}")


def _add_explorer(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        build(Path(app.outdir) / EXPLORER)


def _add_notebooks(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        for name, text in notebooks().items():
            file = Path(app.outdir) / NOTEBOOKS / f"{name}.ipynb"
            file.write_text(json.dumps(to_jupyter(text), ensure_ascii=False), encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Send links that leave docs to where the site shows their file; add explorer and notebooks."""
    app.connect("source-read", _link_inside)
    app.connect("build-finished", _add_explorer)
    app.connect("build-finished", _add_notebooks)
