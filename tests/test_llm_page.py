"""The page that goes from a table of comparisons to trained models, run as a whole."""

from pathlib import Path

import pytest

pytest.importorskip("trl")
from sybil.document import Document
from sybil.parsers.markdown import PythonCodeBlockParser

PAGE = Path(__file__).parent.parent / "docs" / "howto" / "train-from-comparisons.md"


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:(?!socialpref)", "ignore::FutureWarning:(?!socialpref)"
)
def test_the_page_trains_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = list(Document.parse(str(PAGE), PythonCodeBlockParser()).examples())
    assert len(examples) > 8
    for example in examples:
        example.evaluate()
