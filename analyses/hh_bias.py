"""How wrong DPO's order of lengths is, for several ways to count tokens and to score a length.

    python analyses/hh_bias.py --data FOLDER --out figures

Annotators of the three types of `length_rewards` label pairs of HH-RLHF. With exact label
probabilities there is no label noise, so what agreement-only (which is consistent) orders better
than DPO on anonymous labels is DPO's bias, as far as the score can follow. Both are fitted to the
pairs and tested on the same pairs; intervals come from prompts drawn with replacement, with both
fits repeated. Prints the table of docs/hh.md, and writes ``hh_bias.csv`` and the figure.
"""

import argparse
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from socialpref import Comparisons
from socialpref.comparisons.features import fit_features
from socialpref.inference import Interval
from socialpref.llm import Pair, measure, open_models, read_pairs
from socialpref.llm.data import HUB_NAME, LIMIT
from socialpref.llm.experiments import ARMS, expect, mean_signs
from socialpref.plots.style import DARK, LIGHT, MIDDLE, WIDTH, headline, save

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Tokenizer = Callable[[list[str]], dict[str, Any]]

METHODS = ("anonymous", "agreement")
"""Arms of the experiment: DPO, and the consistent loss."""
PRIOR = 1e-3
"""Precision of the prior of each coefficient: weak; knots where no text ends need it."""
WORDS = re.compile(r"\w+|[^\w\s]")


def words(texts: list[str]) -> dict[str, Any]:
    """Cut texts into words and marks of punctuation."""
    return {"input_ids": [WORDS.findall(text) for text in texts]}


def tokenizers(pairs: Sequence[Pair]) -> Iterator[tuple[str, Tokenizer]]:
    """Yield ways to count tokens: words, and byte pairs learned from the texts."""
    yield "words and marks", words
    for size in (16_384, 1024, 300):
        texts = (pair.prompt + text for pair in pairs for text in pair[1:])
        yield f"byte pairs, {size:,}", open_models("small", texts, size).tokenizer


def hats(knot: int) -> Callable[[Floats], Floats]:
    """Return the basis of scores that are linear between knots so many tokens apart."""
    knots = np.arange(0, LIMIT + knot, knot)

    def basis(x: Floats) -> Floats:
        return np.stack([np.interp(x, knots, row) for row in np.eye(len(knots))], axis=-1)

    return basis


def powers(x: Floats) -> Floats:
    """Return the basis of cubic scores."""
    return np.stack([(x / LIMIT) ** n for n in (1, 2, 3)], axis=-1)


def logarithm(x: Floats) -> Floats:
    """Return the basis of scores that rise or fall with the logarithm of the length."""
    return np.log(x)[..., None]


SCORES: Mapping[str, Callable[[Floats], Floats]] = {
    "knots 16 apart": hats(16),
    "knots 64 apart": hats(64),
    "cubic": powers,
    "log length": logarithm,
}


def accuracies(lengths: Integers, basis: Callable[[Floats], Floats], times: Floats) -> Floats:
    """Return the share of pairs that each of `METHODS` orders right, pairs counted `times`."""
    used = (times > 0.0) & (lengths[:, 0] != lengths[:, 1])
    lengths, times = lengths[used], times[used]
    signs = mean_signs(lengths)
    ahead = np.subtract(*np.moveaxis(basis(lengths.astype(np.float64)), 1, 0))
    ahead = ahead[:, np.abs(ahead).max(axis=0) > 0.0]
    zeros = np.zeros(len(lengths), dtype=np.int64)
    right = []
    for name in METHODS:
        labels = expect(ARMS[name], lengths)
        kept = labels.wins + labels.losses
        rows = Comparisons(
            zeros, zeros, zeros + 1, labels.wins / kept, 1, 2, weight=times * kept,
            differences=ahead, features=tuple(map(str, range(ahead.shape[1]))),
        )  # fmt: skip
        fit = fit_features(rows, prior=PRIOR)
        score = ahead / fit.scales @ fit.coefficients
        hit = (1.0 + np.sign(score) * signs) / 2.0
        right.append(np.average(hit[signs != 0], weights=times[signs != 0]))
    return np.array(right)


def biases(pairs: Sequence[Pair], replicates: int, seed: int) -> pd.DataFrame:
    """Return a row for each tokenizer and score: accuracies in percent, and DPO's bias."""
    rows = []
    for name, tokenizer in tokenizers(pairs):
        corpus = measure(pairs, tokenizer)
        prompts = np.unique([pair.prompt for pair in corpus.pairs], return_inverse=True)[1]
        size = prompts.max() + 1
        rng = np.random.default_rng(seed)  # the same prompts for every tokenizer and score
        draws = [rng.multinomial(size, np.full(size, 1.0 / size)) for _ in range(replicates)]
        for score, basis in SCORES.items():
            at = 100.0 * accuracies(corpus.lengths, basis, np.ones(len(corpus)))
            drawn = 100.0 * np.array(
                [
                    accuracies(corpus.lengths, basis, times[prompts].astype(np.float64))
                    for times in tqdm(draws, desc=f"{name}, {score}")
                ]
            )
            gain = Interval.of(drawn[:, 1] - drawn[:, 0], 0.95)
            rows.append(
                {
                    "tokenizer": name,
                    "median_length": float(np.median(corpus.lengths)),
                    "tied": float((mean_signs(corpus.lengths) == 0).mean()),
                    "score": score,
                    "dpo": at[0],
                    "agreement": at[1],
                    "bias": at[1] - at[0],
                    "bias_low": gain.low,
                    "bias_high": gain.high,
                }
            )
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """Return the table in the form of the page."""
    lines = ["| tokenizer | " + " | ".join(SCORES) + " |", "|---" * (len(SCORES) + 1) + "|"]
    for name, rows in table.groupby("tokenizer", sort=False):
        cells = [
            f"{r.dpo:.1f} %, {r.bias:+.1f} ({r.bias_low:.1f} to {r.bias_high:.1f})"
            for r in rows.itertuples()
        ]
        first = rows.iloc[0]
        title = f"{name} (median {first.median_length:.0f}, {first.tied:.1%} tie)"
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def drawing(table: pd.DataFrame) -> Figure:
    """Draw the bias of every tokenizer and score with its interval."""
    figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(table["tokenizer"]))
    looks = zip(SCORES, (DARK, MIDDLE, LIGHT, "white"), "osD^", strict=True)
    for shift, (score, colour, marker) in zip((-0.24, -0.08, 0.08, 0.24), looks, strict=True):
        rows = table[table["score"] == score]
        places = np.arange(len(names)) + shift
        for place, row in zip(places, rows.itertuples(), strict=True):
            axes.plot([row.bias_low, row.bias_high], [place, place], "k", lw=1)
        axes.plot(rows["bias"], places, marker, color=colour, mec="black", ms=7, label=score)
    axes.axvline(0.0, color="black", lw=0.8, zorder=0)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("accuracy of agreement-only less that of DPO, points (bars: 95 %)")
    most, least = (table.loc[row] for row in (table["bias"].idxmax(), table["bias"].idxmin()))
    headline(
        figure,
        f"The score's shape decides: agreement-only gains up to {most['bias']:.1f} points over "
        f"DPO ({most['score']}), and loses up to {-least['bias']:.1f} ({least['score']})",
    )
    figure.legend(frameon=False, loc="outside lower center", ncols=4, fontsize=9)
    return figure


def main() -> None:
    """Print the table and write it with its figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=HUB_NAME)
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()

    table = biases(read_pairs(options.data), options.replicates, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "hh_bias.csv", index=False)
    save(drawing(table), options.out / "hh_bias")
    print(markdown(table))


if __name__ == "__main__":
    main()
