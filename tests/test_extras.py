"""Missing extras: one message, at every door."""

import configparser
import importlib
import re
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from socialpref import Comparisons, InputError
from socialpref._extras import EXTRAS, require
from socialpref.cli import main
from socialpref.surveys import read_table


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it look as if no optional package were installed."""

    def nothing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr("socialpref._extras.version", nothing)


def declared(extra: str) -> set[str]:
    """Return the lines of an extra in ``setup.cfg``."""
    file = configparser.ConfigParser()
    file.read(Path(__file__).parents[1] / "setup.cfg")
    return set(file["options.extras_require"][extra].split("\n"))


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_declared_bounds_are_those_that_are_checked(extra: str) -> None:
    assert {f"{name} {bounds}" for name, bounds in EXTRAS[extra].items()} <= declared(extra)


def how(extra: str) -> str:
    """Return what the message says to do."""
    return f"in a clone of socialpref run pip install -c constraints.txt '.[{extra}]'"


@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.usefixtures("bare")
def test_the_message_names_every_package_and_the_extra(extra: str) -> None:
    with pytest.raises(InputError) as caught:
        require(extra, "this")
    needed = ", ".join(f"{name} {bounds} (not installed)" for name, bounds in EXTRAS[extra].items())
    assert str(caught.value) == f"this needs {needed}: {how(extra)}"


@pytest.mark.parametrize(("installed", "right"), [("3.0", False), ("3.1", True), ("4.1rc1", True)])
def test_a_version_out_of_bounds_is_named(
    monkeypatch: pytest.MonkeyPatch, installed: str, right: bool
) -> None:
    monkeypatch.setattr("socialpref._extras.version", lambda _: installed)
    if right:
        require("excel", "this")
        return
    with pytest.raises(
        InputError, match=r"this needs openpyxl >=3.1 \(version 3.0 is installed\): "
    ):
        require("excel", "this")


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("socialpref.training", "torch >=2.2", "train"),
        ("socialpref.llm", "torch >=2.6", "llm"),
        ("socialpref.llm.trainer", "torch >=2.6", "llm"),
    ],
)
def test_imports_say_what_is_missing(
    request: pytest.FixtureRequest, module: str, package: str, extra: str
) -> None:
    pytest.importorskip("trl" if extra == "llm" else "torch")
    importlib.import_module(module)
    request.getfixturevalue("bare")
    said = f"^{module} needs {package} .not installed.*: {re.escape(how(extra))}$"
    with pytest.raises(InputError, match=said):
        importlib.reload(sys.modules[module])


@pytest.mark.parametrize(
    ("command", "needs", "extra"),
    [
        ("verify", "'verify' needs torch >=2.2 (not installed)", "train"),
        ("hh", "'hh' needs torch >=2.6 (not installed), accelerate", "llm"),
    ],
)
@pytest.mark.usefixtures("bare")
def test_commands_say_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, needs: str, extra: str
) -> None:
    assert main([command, "--out", str(tmp_path / "out.html")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"socialpref: error: {needs}")
    assert error.endswith(f": {how(extra)}\n")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("bare")
def test_readers_of_tables_say_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "answers.xlsx").write_bytes(b"PK")
    for read in (read_table, Comparisons.from_file):
        with pytest.raises(InputError, match="reading Excel files needs openpyxl"):
            read(tmp_path / "answers.xlsx")


def test_data_sets_for_trl_say_what_is_missing(request: pytest.FixtureRequest) -> None:
    pytest.importorskip("torch")
    from socialpref.llm import Corpus, Pair
    from socialpref.llm.experiments import ARMS, annotate, labelled_pairs

    corpus = Corpus((Pair("a", "b", "c"),) * 4, np.array([[10, 20]] * 4))
    labels = annotate(ARMS["anonymous"], corpus.lengths, 4, 0)
    request.getfixturevalue("bare")
    with pytest.raises(InputError, match="labelled_pairs needs"):
        labelled_pairs(corpus, labels)
