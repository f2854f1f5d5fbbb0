"""The house: which room may import which, no cycles, no torch but where it belongs, short names.

The imports are read from the source, so those inside functions and for type checking count.
"""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

import socialpref

ROOT = Path(socialpref.__file__).parent
ROOMS = (
    ("errors",),
    ("_extras", "_files", "_validate"),
    ("_tables",),
    ("divergences", "links"),
    ("draws",),
    ("population",),
    ("bradley_terry", "examples", "rules"),
    ("flips", "limits"),
    ("inference",),
    ("methods",),
    ("comparisons", "theory"),
    ("estimators",),
    ("audit", "surveys", "training"),
    ("llm",),
    ("course", "explorer", "report"),
    ("plots",),
    ("cli",),
    ("__main__",),
)
"""Rooms of one row do not know each other, and import only from the rows above."""
TORCH = {"training", "llm"}
"""The rooms that may import torch and what stands on it."""
TORCH_PACKAGES = {"torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers"}


class Import(NamedTuple):
    """That one module imports another."""

    module: str
    imported: str


def name_of(file: Path) -> str:
    """Return the dotted name of a module of the package."""
    parts = ("socialpref", *file.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(file): file for file in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in FILES.items()}


def is_package(module: str) -> bool:
    """Return whether a module is the ``__init__`` of a package."""
    return FILES[module].name == "__init__.py"


def source_of(module: str, node: ast.ImportFrom) -> str:
    """Return the module, in full, that a ``from ... import`` names."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    up = node.level - is_package(module)
    return ".".join([*parts[: len(parts) - up], *([node.module] if node.module else [])])


def imports_of(module: str, tree: ast.AST) -> Iterator[str]:
    """Yield the full name of everything that some source imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            source = source_of(module, node)
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                yield whole if whole in FILES else source
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def arrows() -> dict[str, set[str]]:
    """Return which modules of the package each of them imports."""
    found = {name: set(imports_of(name, tree)) for name, tree in TREES.items()}
    return {name: (there & FILES.keys()) - {name} for name, there in found.items()}


def room_of(module: str) -> str:
    """Return the room: what stands directly in the package."""
    return module.split(".")[1] if "." in module else ""


def cycle_of(graph: Mapping[str, set[str]]) -> list[str]:
    """Return a cycle of a graph, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def forbidden(found: Mapping[str, set[str]]) -> list[Import]:
    """Return the imports from one room that does not stand above the room that imports."""
    row = {room: i for i, rooms in enumerate(ROOMS) for room in rooms}
    return [
        Import(module, imported)
        for module, there in found.items()
        for imported in sorted(there)
        if (here := room_of(module)) and (other := room_of(imported)) not in ("", here)
        if row[other] >= row[here]
    ]


def bound_names(module: str) -> dict[str, str]:
    """Return what the source of a package binds at its top: each name, and from where it comes."""
    bound = {}
    for node in TREES[module].body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{source_of(module, node)}.{alias.name}"
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound[node.name] = f"{module} itself"
        elif isinstance(node, ast.Assign):
            targets = [target for target in node.targets if isinstance(target, ast.Name)]
            bound |= {target.id: f"{module} itself" for target in targets}
    return bound


def hidden(module: str) -> list[str]:
    """Return the modules of a package that something else of the same name makes unreachable."""
    return [
        whole
        for name, source in bound_names(module).items()
        if (whole := f"{module}.{name}") in FILES and source != whole
    ]


# --- the checks find what they look for -------------------------------------------------


def test_imports_are_read_in_functions_and_for_types() -> None:
    source = """
    from ..links import Link
    if TYPE_CHECKING:
        from . import programs
    def f():
        from socialpref.rules import nbc
        import torch.nn
    """
    tree = ast.parse("if True:" + source)
    found = set(imports_of("socialpref.flips.flip", tree))
    places = {"socialpref.links", "socialpref.flips.programs", "socialpref.rules", "torch.nn"}
    assert found == places


def test_cycles_and_wrong_arrows_are_found() -> None:
    assert cycle_of({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert set(cycle_of({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}
    wrong = {"socialpref.rules": {"socialpref.flips.flip", "socialpref.links"}}
    assert forbidden(wrong) == [("socialpref.rules", "socialpref.flips.flip")]
    beside = {"socialpref.surveys.survey": {"socialpref.training.exact", "socialpref.rules"}}
    assert forbidden(beside) == [("socialpref.surveys.survey", "socialpref.training.exact")]


# --- the house --------------------------------------------------------------------------


def test_every_room_has_its_place() -> None:
    placed = [room for row in ROOMS for room in row]
    assert len(placed) == len(set(placed))
    assert {room_of(module) for module in FILES} - {""} <= set(placed)


def test_no_module_imports_itself_in_a_circle() -> None:
    cycle = cycle_of(arrows())
    assert not cycle, " imports ".join(reversed(cycle))


def test_rooms_import_from_the_rows_above() -> None:
    wrong = forbidden(arrows())
    assert not wrong, "\n".join(f"{a} imports {b}" for a, b in wrong)


def test_the_core_knows_nothing_of_what_shows_it() -> None:
    rows = [set(row) for row in ROOMS]
    assert all(not above & below for above, below in pairwise(rows))
    top = {room_of(imported) for imported in arrows()["socialpref"]}
    assert not top & {"surveys", "training", "llm", "plots", "report", "explorer", "cli"}


def test_only_training_and_language_models_import_torch() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, tree in TREES.items()
        if room_of(module) not in TORCH
        for imported in imports_of(module, tree)
        if imported.split(".")[0] in TORCH_PACKAGES
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", [name for name in FILES if is_package(name)])
def test_no_name_hides_a_module(package: str) -> None:
    assert not hidden(package)


# --- the names at the top -----------------------------------------------------------------

TOP = {
    *("Population", "Draws", "Interval", "Link", "Logistic", "Probit", "Comparisons"),
    *("total_variation", "fit_bradley_terry"),
    *("SocialPrefError", "InputError", "DataError", "OutputError", "ConvergenceError"),
    "CertificateError",
    *("nbc", "average_reward", "ranking", "compare_rules"),
    *("METHODS", "DPO", "CorrectedDPO", "AgreementOnly", "RewardAveraging", "LatentClasses"),
    "optimal_policy",
    *("flip", "flip_distances", "Pair", "Winner", "TopK", "Order", "AverageRewardOrder"),
}


def test_the_names_at_the_top() -> None:
    assert len(socialpref.__all__) == len(set(socialpref.__all__))
    names = set(socialpref.__all__)
    assert names == TOP
    assert all(hasattr(socialpref, name) for name in names)
