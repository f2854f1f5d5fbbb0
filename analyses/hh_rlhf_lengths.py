"""The results of docs/hh.md: HH-RLHF with types of annotators who like lengths.

    python analyses/hh_rlhf_lengths.py --data FOLDER --out figures
    python analyses/hh_rlhf_lengths.py --data FOLDER --model small --budgets 1000 --seeds 2
    accelerate launch analyses/hh_rlhf_lengths.py --model meta-llama/Meta-Llama-3-8B ...

FOLDER holds files of HH-RLHF; without it they come from the hub. By default the model is a score
for each length: its exact limits, and what it learns from few labels and from many. Prints the
audit, where the summary's gain goes, and the table; writes the figure. Interrupted, it goes on.
"""

import argparse
from pathlib import Path

import pandas as pd

from socialpref.llm import (
    EXACT,
    PAPER,
    Settings,
    audit,
    measure,
    open_models,
    read_pairs,
    run,
    summary,
)
from socialpref.llm.data import HUB_NAME
from socialpref.plots.hh import accuracy_curves, accuracy_dots
from socialpref.plots.style import save

BUDGETS = (EXACT, 1000, 3000, 10_000, 30_000, 100_000)


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
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()

    pairs = read_pairs(options.data)
    texts = (pair.prompt + text for pair in pairs for text in pair[1:])
    models = open_models(options.tokenizer if options.model == "length" else options.model, texts)
    corpus = measure(pairs, models.tokenizer)
    settings = Settings(
        budgets=tuple(options.budgets),
        seeds=options.seeds,
        head=options.head,
        learning_rate=options.learning_rate,
        test_pairs=options.test_pairs,
    )
    trained = None if options.model == "length" else models
    outcomes = run(corpus, settings, trained, keep=options.out / "hh_unfinished", progress=True)
    table = summary(outcomes)
    print(audit(corpus).describe(), "\n")
    print(markdown(table))
    print(decomposition(table))
    several = (table["budget"].drop_duplicates() != EXACT).sum() > 1
    options.out.mkdir(parents=True, exist_ok=True)
    figure = (accuracy_curves if several else accuracy_dots)(table)
    save(figure, options.out / f"hh_{Path(options.model).name}")


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
