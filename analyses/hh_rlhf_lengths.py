"""What models learn from annotators who judge texts of HH-RLHF by their length.

    python analyses/hh_rlhf_lengths.py --data FOLDER --out figures
    python analyses/hh_rlhf_lengths.py --data FOLDER --model small --budgets 1000 --seeds 2
    accelerate launch analyses/hh_rlhf_lengths.py --model meta-llama/Meta-Llama-3-8B ...

Data: FOLDER holds files of HH-RLHF; without it they are fetched from the hub. By default the model
is a score for each length, with exact label probabilities and with few and many labels. Prints the
audit, the table and the gains over DPO, and writes the figure (docs/hh.md shows them). With
--sensitivity it also prints the gains of the score for several tokenizers and distances between
knots, and writes them as ``hh_sensitivity.csv``. If interrupted, run the command again to resume.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from socialpref.llm import Pair, measure, open_models, read_pairs
from socialpref.llm.data import HUB_NAME
from socialpref.llm.experiments import EXACT, PAPER, Settings, audit, run, summary
from socialpref.plots.hh import accuracy_curves, accuracy_dots
from socialpref.plots.style import save

BUDGETS = (EXACT, 1000, 3000, 10_000, 30_000, 100_000)
VOCABULARIES = (1024, 16_384)
"""Of the tokenizers that are trained on the texts for the table of --sensitivity."""
KNOTS = (4, 16, 64)
"""Tokens between the knots of the score there."""
MANY = 100_000
"""Comparisons there, besides exact probabilities."""
COMPARED = ("average", "agreement-law", "agreement", "typed")
"""The arms there, besides DPO on anonymous labels."""


def main() -> None:
    """Run the experiment, print the tables and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=HUB_NAME)
    parser.add_argument("--model", default="length", help="length, small, or a name")
    parser.add_argument("--tokenizer", default="small", help="whose tokens length counts")
    parser.add_argument("--head", choices=["text", "score"], default="text")
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--test-pairs", type=int)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sensitivity", action="store_true", help="other tokenizers and knots")
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()

    pairs = read_pairs(options.data)
    name = options.tokenizer if options.model == "length" else options.model
    models = open_models(name, texts(pairs))
    corpus = measure(pairs, models.tokenizer)
    settings = Settings(
        budgets=tuple(options.budgets),
        seeds=options.seeds,
        head=options.head,
        learning_rate=options.learning_rate,
        test_pairs=options.test_pairs,
    )
    trained = None if options.model == "length" else models
    keep = options.out / "hh_unfinished"
    outcomes = run(corpus, settings, trained, keep=keep, progress=True)
    table = summary(outcomes)
    print(audit(corpus).describe(), "\n")
    print(markdown(table))
    print(decomposition(table))
    several = (table["budget"].drop_duplicates() != EXACT).sum() > 1
    options.out.mkdir(parents=True, exist_ok=True)
    figure = (accuracy_curves if several else accuracy_dots)(table)
    save(figure, options.out / f"hh_{Path(options.model).name}")
    if options.sensitivity:
        found = sensitivity(pairs, options.tokenizer, options.seeds, keep)
        found.to_csv(options.out / "hh_sensitivity.csv", index=False)
        print(sensitivity_markdown(found))


def texts(pairs: Sequence[Pair]) -> Iterator[str]:
    """Return both texts of every pair, with their prompts."""
    return (pair.prompt + text for pair in pairs for text in pair[1:])


def sensitivity(pairs: Sequence[Pair], tokenizer: str, seeds: int, keep: Path) -> pd.DataFrame:
    """Return the summary of the score of length for several tokenizers and knots."""
    several = [(tokenizer, open_models(tokenizer, texts(pairs)))] if tokenizer != "small" else []
    several += [
        (f"trained, {size:,}", open_models("small", texts(pairs), size)) for size in VOCABULARIES
    ]
    tables = []
    for name, models in several:
        corpus = measure(pairs, models.tokenizer)
        for knot in KNOTS:
            settings = Settings(
                arms=("anonymous", *COMPARED),
                budgets=(EXACT, MANY),
                units=("labels",),
                seeds=seeds,
                knot=knot,
            )
            table = summary(run(corpus, settings, keep=keep, progress=True))
            table.insert(0, "median_length", audit(corpus).median_length)
            table.insert(0, "knot", knot)
            table.insert(0, "tokenizer", name)
            tables.append(table)
    return pd.concat(tables)


def sensitivity_markdown(table: pd.DataFrame) -> str:
    """Return DPO's accuracy and the gains over it in points: the bias, then what labels give."""
    columns = [(EXACT, "agreement"), *((MANY, arm) for arm in COMPARED)]
    names = [f"{arm}, {n:,}" if n else f"{arm}, exact" for n, arm in columns]
    lines = [
        "| tokenizer | knots | DPO, exact | " + " | ".join(names) + " |",
        "|---" * (len(names) + 3) + "|",
    ]
    for (name, knot), rows in table.groupby(["tokenizer", "knot"], sort=False):
        at = rows.set_index(["budget", "arm"])
        cells = [f"{at.accuracy[EXACT, 'anonymous']:.1%}"]
        for column in columns:
            row = at.loc[column]
            cells.append(
                f"{100 * row.gain:+.1f} ({100 * row.gain_low:.1f} to {100 * row.gain_high:.1f})"
            )
        lines.append(f"| {name} | {knot} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def markdown(table: pd.DataFrame) -> str:
    """Return accuracies as rows of arms and columns of budgets, in the form of the page."""
    lines = []
    for unit, rows in table.groupby("unit", sort=False):
        budgets = list(dict.fromkeys(rows["budget"]))
        names = ["exact" if budget == EXACT else f"{budget:,}" for budget in budgets]
        lines += [
            f"| budget, {unit} | " + " | ".join(names) + " |",
            "|---" * (len(names) + 1) + "|",
        ]
        for arm, of_arm in rows.groupby("arm", sort=False):
            at = of_arm.set_index("budget")
            cells = [
                f"{at.accuracy[b]:.1%} ± {(at.accuracy_high[b] - at.accuracy_low[b]) / 2:.1%}"
                for b in budgets
            ]
            lines.append(f"| {arm} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def decomposition(table: pd.DataFrame) -> str:
    """Say how much of the published arm's gain over DPO is cleaner labels."""
    lines = [f"gain over DPO; the paper's summary: {PAPER:.1%}"]
    for (unit, budget), rows in table.groupby(["unit", "budget"], sort=False):
        gains = [
            f"{r.arm} {r.gain:+.1%} ({r.gain_low:+.1%}, {r.gain_high:+.1%})"
            for r in rows.itertuples()
            if r.arm != "anonymous"
        ]
        lines.append(f"{unit} {budget or 'exact'}: " + "; ".join(gains))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
