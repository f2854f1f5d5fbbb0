"""Run the Python examples of the README and of the pages in docs as tests."""

import os
from importlib.util import find_spec

# Several processes run the tests: threads of their own would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests ask nobody for models: an answer can take a minute, and there may be no network.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["*.md"],
    excludes=["*/train-from-comparisons.md"],  # trains models: a slow test runs it as a whole
).pytest()
# What needs TRL or its data sets cannot be imported without the extra "llm".
NEED_LLM = ["socialpref/llm/columns.py", "socialpref/llm/trainer.py"]
NEED_LLM += ["tests/llm_processes.py", "tests/llm_small.py"]
collect_ignore = [] if find_spec("trl") else NEED_LLM

# The site's builder needs Sphinx, which the tests do without.
collect_ignore_glob = ["docs/*.py", "docs/_extensions/*.py"]
