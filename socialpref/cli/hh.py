"""``socialpref hh``: the experiment on HH-RLHF with annotators who judge a text by its length."""

import argparse
import json
import logging
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._extras import require
from ..errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from ..llm import Models, Pair
    from ..llm.experiments import Settings

LENGTH = "length"


def add_to(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "hh",
        help="an experiment with language models on HH-RLHF, with annotators who prefer lengths",
        description=(
            "Label the pairs of HH-RLHF as three types of annotators would, who prefer long, short "
            "and medium-length texts. Train a model with the labels and the loss of each arm, and "
            "count how often it orders held-out pairs as the types' average reward does."
        ),
    )
    parser.set_defaults(run=run)

    add = parser.add_argument_group("the data").add_argument
    add(
        "--data",
        default="Anthropic/hh-rlhf",
        help="the pairs: a hub name, a .jsonl[.gz] file or a folder (default: Anthropic/hh-rlhf)",
    )
    add("--split", default="train", help="the split of the hub's data set (default: train)")
    add(
        "--held-out",
        type=float,
        default=0.2,
        metavar="X",
        help="the share of the pairs to test on (default: 0.2)",
    )
    add(
        "--test-pairs",
        type=int,
        metavar="N",
        help="the largest number of pairs to test on (default: all held out)",
    )

    add = parser.add_argument_group("the experiment").add_argument
    add(
        "--model",
        default="small",
        help="the model: 'length', a score for each length of text; 'small', a small Llama with "
        "random weights; or a hub name or a folder, which may hold a GGUF file (default: small)",
    )
    add(
        "--tokenizer",
        metavar="NAME",
        help="the tokenizer that counts tokens for --model length (default: a trained one)",
    )
    add("--arms", default="all", metavar="NAME[,NAME]", help="the arms to run, of: anonymous, "
        "average, agreement-law, agreement, linked, typed, orthogonal (default: all)")  # fmt: skip
    add("--budget", default="1000", metavar="N[,N]", help="the numbers of labels or pairs to "
        "pay for; with --model length, also 'exact' (default: 1000)")  # fmt: skip
    add(
        "--units",
        default="labels,pairs",
        metavar="UNIT[,UNIT]",
        help="what budgets count: labels, pairs or both (default: both)",
    )
    add(
        "--seeds",
        type=int,
        default=3,
        metavar="N",
        help="the number of runs of each arm and budget (default: 3)",
    )

    add = parser.add_argument_group("training").add_argument
    add(
        "--head",
        choices=["text", "score"],
        default="text",
        help="text for direct alignment, score for a reward model (default: text)",
    )
    add(
        "--no-reference",
        action="store_true",
        help="take implicit rewards without a reference model (default: with one)",
    )
    add("--unshifted", action="store_true", help="score each token by logits that have seen it, "
        "as the published script does (default: by those before it)")  # fmt: skip
    add(
        "--alpha",
        type=float,
        default=1.0,
        help="the strength of the first-order correction (default: 1)",
    )
    add(
        "--classes",
        type=int,
        default=3,
        help="the number of latent classes of the joint likelihood (default: 3)",
    )
    add("--beta", type=float, metavar="X", help="beta of DPO (default: 0.1; 1 without a reference)")
    add(
        "--learning-rate",
        type=float,
        metavar="X",
        help="the learning rate (default: 1e-3; 3e-5 for pretrained models)",
    )
    add(
        "--epochs",
        type=float,
        default=1.0,
        metavar="N",
        help="the number of passes over the pairs (default: 1)",
    )
    add(
        "--batch",
        type=int,
        default=16,
        metavar="N",
        help="the number of pairs in a step (default: 16)",
    )
    add(
        "--save-steps",
        type=int,
        default=50,
        metavar="N",
        help="the number of steps between checkpoints (default: 50)",
    )
    add(
        "--report-to",
        default="none",
        metavar="NAME",
        help="a logger that TRL knows (default: none)",
    )

    add = parser.add_argument_group("the results").add_argument
    add(
        "--out",
        type=Path,
        default=Path("socialpref-hh"),
        metavar="DIR",
        help="the folder of the results (default: socialpref-hh)",
    )


def run(options: argparse.Namespace) -> None:
    """Run the experiment and write and print its results."""
    require("llm", "'hh'")
    import pandas as pd

    from .._files import results_folder
    from ..llm import experiments, measure, read_pairs
    from ..llm.models import silence
    from ..plots.hh import accuracy_curves, accuracy_dots
    from ..plots.style import save

    settings = _settings(options)
    if not sys.stderr.isatty():
        silence()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # the error says what failed
    pairs = read_pairs(options.data, options.split)
    models = _models(options, pairs)
    corpus = measure(pairs, models.tokenizer)
    audit = experiments.audit(corpus)
    print(audit.describe(), flush=True)
    kept = options.out / "unfinished"
    with results_folder(options.out) as folder:
        outcomes = experiments.run(
            corpus,
            settings,
            None if options.model == LENGTH else models,
            keep=kept,
            progress=sys.stderr.isatty(),
        )
        if os.environ.get("RANK", "0") != "0":  # accelerate launch: one process writes
            return
        table = experiments.summary(outcomes)
        pd.DataFrame(map(asdict, outcomes)).to_csv(folder / "runs.csv", index=False)
        table.to_csv(folder / "summary.csv", index=False)
        text = json.dumps(audit.to_dict(), indent=2)
        (folder / "audit.json").write_text(text + "\n", encoding="utf-8")
        several = table["budget"].drop_duplicates().gt(0).sum() > 1
        figure = (accuracy_curves if several else accuracy_dots)(table)
        save(figure, folder / "accuracy")
    shutil.rmtree(kept, ignore_errors=True)
    print(_report(table))
    print(f"Tables and figures are in {options.out}{os.sep}")


def _settings(options: argparse.Namespace) -> "Settings":
    from ..llm import SMALL
    from ..llm.experiments import ARMS, EXACT, Settings

    budgets = tuple(EXACT if word == "exact" else _count(word) for word in _words(options.budget))
    if options.tokenizer is not None and options.model != LENGTH:
        raise InputError("--tokenizer goes with --model length: other models have their own")
    beta = 1.0 if options.no_reference else 0.1
    fast = 1e-3 if options.model in (LENGTH, SMALL) else 3e-5
    return Settings(
        arms=tuple(ARMS) if options.arms == "all" else tuple(_words(options.arms)),
        budgets=budgets,
        units=tuple(_words(options.units)),  # type: ignore[arg-type]
        seeds=options.seeds,
        held_out=options.held_out,
        test_pairs=options.test_pairs,
        head=options.head,
        alpha=options.alpha,
        n_classes=options.classes,
        reference=not options.no_reference,
        shifted=not options.unshifted,
        beta=beta if options.beta is None else options.beta,
        learning_rate=fast if options.learning_rate is None else options.learning_rate,
        epochs=options.epochs,
        batch_size=options.batch,
        save_steps=options.save_steps,
        report_to=options.report_to,
    )


def _models(options: argparse.Namespace, pairs: "list[Pair]") -> "Models":
    from ..llm import SMALL, open_models

    name = options.model if options.model != LENGTH else options.tokenizer or SMALL
    return open_models(name, (pair.prompt + text for pair in pairs for text in pair[1:]))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _count(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise InputError(f"--budget must be integers or 'exact'; got {word!r}") from None


def _report(table: "pd.DataFrame") -> str:
    from ..llm.experiments import EXACT, PAPER

    lines = [
        "",
        "unit         budget  arm            accuracy             gain over DPO        discarded",
    ]
    for row in table.itertuples():
        budget = "exact" if row.budget == EXACT else str(row.budget)
        lines.append(
            f"{row.unit:<11} {budget:>7}  {row.arm:<13}  "
            f"{_percent(row.accuracy, row.accuracy_low, row.accuracy_high):<20} "
            f"{_percent(row.gain, row.gain_low, row.gain_high):<20} {row.discarded:.1%}"
        )
    lines.append(f"The paper's summary reports a gain of {PAPER:.1%} (Llama-3-8B).")
    return "\n".join(lines)


def _percent(mean: float, low: float, high: float) -> str:
    if mean != mean:  # there is no anonymous arm to compare with
        return "-"
    return f"{mean:.1%}" + (f" ({low:.1%}, {high:.1%})" if low == low else "")
