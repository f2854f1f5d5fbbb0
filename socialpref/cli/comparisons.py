"""``socialpref comparisons``: what comparisons teach a model, and whose preferences they are."""

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from shlex import quote
from textwrap import fill
from typing import TYPE_CHECKING, Any

from .. import _validate
from ..errors import InputError

if TYPE_CHECKING:
    from ..comparisons import Comparisons
    from ..comparisons.features import FeatureAudit
    from ..comparisons.readers.columns import Form

FORMS = {
    "pairs": "two options and a choice in each row",
    "rankings": "ranks of options",
    "ratings": "ratings of options, compared within annotators",
    "choices": "the best of several options",
    "votes": "agree or disagree with statements, or several annotators' labels of a pair",
    "preflib": "a file of PrefLib",
}
ROLES = {
    "first": "the column of the first option",
    "second": "the column of the second option",
    "choice": "the column of the choice",
    "option": "the column of the option, of tables with an option in each row",
    "rank": "the column of the rank, of rankings",
    "rating": "the column of the rating, of ratings",
    "vote": "the column of the vote, of votes",
    "ballot": "the column of what belongs together, of rankings and choices",
    "annotator": "the column of who made the comparison",
    "prompt": "the column of the prompt",
    "weight": "the column of weights",
}
LISTS = {
    "types": "the column or columns with types of annotators; several are crossed",
    "columns": "the columns of the options, of wide tables",
    "features": "features of options, for texts that hardly recur: of columns such as length_a and "
    "length_b the common name; 'length' without such columns counts characters",
}
TOLD_BY: dict[str, "Form"] = {
    "first": "pairs",
    "rank": "rankings",
    "rating": "ratings",
    "vote": "votes",
}
"""The form that a column stands for."""
WIDTH = 80
UNUSED = 8
"""So many columns that are not used are named."""


def add_to(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "comparisons",
        help="what comparisons teach a model, and whose preferences they are",
        description=(
            "Read a table of comparisons, rankings, ratings, choices or votes. Say what DPO learns "
            "from it, whether annotators differ, who prefers what, and how little has to change "
            "for the order to change."
        ),
        epilog="Forms. " + "; ".join(f"{name}: {what}" for name, what in FORMS.items()) + ".",
    )
    parser.set_defaults(run=run)

    add = parser.add_argument_group("the table").add_argument
    add(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="CSV, JSON, Parquet, Excel or PrefLib (default: an example)",
    )
    add("--example", metavar="NAME", help="a table that travels with the package, in place of FILE")
    add("--form", choices=list(FORMS), help="what the table holds (default: guessed)")
    for role, what in ROLES.items():
        add(f"--{role}", metavar="NAME", help=f"{what} (default: guessed)")
    for role, what in LISTS.items():
        add(f"--{role}", metavar="NAME[,NAME]", help=f"{what} (default: none)")

    add = parser.add_argument_group("the analysis").add_argument
    add(
        "--classes",
        metavar="auto|none|N",
        help="latent classes of annotators: as many as annotators who are left out support, none, "
        "or so many (default: none where types are given, else auto)",
    )
    add(
        "--ties",
        choices=("half", "drop", "davidson"),
        default="half",
        help="ties: half a win each, left out, or Davidson's model of the rewards (default: half)",
    )
    add(
        "--likelihood",
        choices=("bradley-terry", "plackett-luce"),
        default="bradley-terry",
        help="how rewards are fitted: to pairs, or to whole ballots (default: bradley-terry)",
    )
    add(
        "--prior",
        type=float,
        metavar="X",
        help="the precision of a prior of the rewards, with which no option is left out "
        "(default: none)",
    )

    add = parser.add_argument_group("sampling error").add_argument
    add(
        "--bootstrap",
        type=int,
        default=0,
        metavar="N",
        help="the number of draws of annotators, for intervals (default: 0, no intervals)",
    )
    add(
        "--level",
        type=float,
        default=0.95,
        metavar="X",
        help="the coverage of the intervals (default: 0.95)",
    )
    add("--seed", type=int, default=0, metavar="N", help="the seed of the draws (default: 0)")

    add = parser.add_argument_group("the results").add_argument
    add(
        "--out",
        type=Path,
        default=Path("socialpref-comparisons"),
        metavar="DIR",
        help="the folder of the results (default: socialpref-comparisons)",
    )
    add(
        "--report",
        type=Path,
        metavar="FILE",
        help="a report to write, an HTML page that opens in a browser (default: none)",
    )


def run(options: argparse.Namespace) -> None:
    """Audit the comparisons, and write and print the results."""
    from .._files import forgetting, results_folder
    from ..audit import audit
    from ..plots import save
    from ..plots.comparisons import audit_figures
    from ..report.comparisons import findings_in_words, write_comparisons_report

    classes = _classes(options.classes)
    rows, guess = _read(options)
    if guess:
        print(_filled(guess))
    kept = options.out / "replicates"
    with results_folder(options.out) as folder, forgetting(kept):
        found = audit(
            rows,
            classes=classes,
            bootstrap=options.bootstrap,
            prior=options.prior,
            ties=options.ties,
            likelihood=options.likelihood,
            level=options.level,
            seed=options.seed,
            keep=kept,
            progress=sys.stderr.isatty(),
        )
        found.options_frame().to_csv(folder / "options.csv", index=False)
        found.pairs_frame().to_csv(folder / "pairs.csv", index=False)
        found.types_frame().to_csv(folder / "types.csv", index=False)
        found.methods_frame().to_csv(folder / "methods.csv", index=False)
        facts = found.summary()
        features = _features(rows, classes, options)
        if features is not None:
            features.to_frame().to_csv(folder / "features.csv", index=False)
            features.types_frame().to_csv(folder / "feature_types.csv", index=False)
            facts["features"] = _plain(features.summary())
        text = json.dumps(facts, indent=2, allow_nan=False)
        (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
        figures = audit_figures(found)
        for name, figure in figures.items():
            save(figure, folder / name)
        if options.report is not None:
            write_comparisons_report(
                found, options.report, features=features, figures=list(figures.values())
            )
    print("\n\n".join(map(_filled, findings_in_words(found, features))))
    if options.report is not None:
        print(f"\nThe report is {options.report}")
    print(f"\nTables and figures are in {options.out}{os.sep}")


def _features(
    rows: "Comparisons", classes: Any, options: argparse.Namespace
) -> "FeatureAudit | None":
    """Return what annotators prefer in terms of features, if the table has some."""
    from ..comparisons.features import audit_features

    if not rows.features:
        return None
    kinds: Any = "auto" if classes is None else classes
    if classes == "none" and rows.types:
        kinds = "given"
    return audit_features(
        rows,
        kinds,
        prior=options.prior,
        bootstrap=options.bootstrap,
        level=options.level,
        seed=options.seed,
        progress=sys.stderr.isatty(),
    )


def _plain(value: Any) -> Any:
    """Return numbers that JSON has: what is infinite or unknown becomes None."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _filled(text: str) -> str:
    return fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _classes(text: str | None) -> Any:
    if text is None or text in ("auto", "none"):
        return text
    if not text.isdecimal() or int(text) == 0:
        raise InputError(f"--classes must be auto, none or a number from 1; got {text!r}")
    return int(text)


def _read(options: argparse.Namespace) -> "tuple[Comparisons, str]":
    """Return the comparisons, and how the file was read."""
    from .._tables import ending_of, read_table_file, reading
    from ..comparisons import Comparisons, example, form_of, guess_columns
    from ..comparisons.examples import EXAMPLES
    from ..comparisons.readers.preflib import ENDINGS

    given: dict[str, Any] = {role: getattr(options, role) for role in ROLES}
    given |= {name: _list(getattr(options, name)) for name in LISTS}
    given = {role: value for role, value in given.items() if value}
    file = options.file
    if file is None:
        if options.form is not None:
            raise InputError("--form goes with FILE: an example has its own")
        name = options.example or next(iter(EXAMPLES))
        _validate.choice("--example", name, EXAMPLES)
        _check_roles(EXAMPLES[name].form, given)
        return example(name, **given), f"Example {name!r}: {EXAMPLES[name].about}."
    if options.example is not None:
        raise InputError(f"--example goes without FILE; got {file}")
    form: Form | None = options.form or next(
        (TOLD_BY[role] for role in given if role in TOLD_BY), None
    )
    names: list[str] = []
    if form != "preflib" and ending_of(file) not in ENDINGS:
        with reading(file):
            names = [name for name in read_table_file(file, rows=1) if isinstance(name, str)]
    form = form or form_of(file, names)
    _check_roles(form, given)
    roles = {**guess_columns(names, form).columns, **given}
    said = "".join(f" --{role} {_listed(value)}" for role, value in roles.items())
    if form == "choices" and "columns" in given:
        given["offered"] = given.pop("columns")
    note = f"{file} is read as --form {form}{said}"
    used = [
        name for value in roles.values() for name in ([value] if isinstance(value, str) else value)
    ]
    unused = [name for name in names if name not in used]
    if unused and form == "pairs" and "features" not in given:
        more = f" and {len(unused) - UNUSED:,} more" if len(unused) > UNUSED else ""
        note += f". Columns not used: {', '.join(unused[:UNUSED])}{more}"
    return Comparisons.from_file(file, form, **given), note


def _check_roles(form: str, given: Mapping[str, Any]) -> None:
    """Refuse columns that a table of this form does not have."""
    from ..comparisons import Comparisons

    reader = getattr(Comparisons, "from_frame" if form == "pairs" else f"from_{form}")
    known = signature(reader).parameters
    for role in given:
        if role not in known and (form, role) != ("choices", "columns"):
            raise InputError(f"--{role} does not go with --form {form}")


def _list(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _listed(value: str | list[str]) -> str:
    return quote(value if isinstance(value, str) else ",".join(value))
