"""Choose the questions of the Pew table by a stated rule and write their counts.

    SOCIALPREF_DATA=FOLDER python data/pew/derive_pew_table.py

FOLDER holds `opinionqa/`; without it, what `socialpref data get opinionqa` has fetched is read.
Writes `pew_table.csv` and `pew_questions.csv` beside this file. The rule:

1. `DRAWN`: a random draw (seed 0) of 12 from all questions that have at least three options, 100
   respondents per option, and no scale: their options have no order.
2. `CHOSEN`: the 12 questions, of all, whose winner can be given up by another mix of comparisons
   in most of 1,000 replicates, and in at least 95 % of them. Each replicate draws all respondents
   again, with their groups.

So the first half says how often such questions can be flipped, and the second does not: it was
chosen for it. The counts are OpinionQA's numbers of respondents by party, unweighted. Texts and
labels are our own short words. Nothing but these aggregates is taken over.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from socialpref import Winner
from socialpref.flips.batched import flip_distances
from socialpref.population import luce_shepard_rewards
from socialpref.surveys import Protocol, Question, Survey, read_opinionqa
from socialpref.surveys.registry import cached

HERE = Path(__file__).parent
DRAWN = "drawn at random from questions without a scale"
CHOSEN = "chosen because the winner can be flipped"
HALF = 12
REPLICATES = 1000
CERTAIN = 0.95
SOURCE = "Pew Research Center's American Trends Panel, wave {}"

WORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "DATAUSEd_W49": (
        "Fitness app passes users' data to heart researchers",
        ("fine", "not fine", "unsure"),
    ),
    "ELDFINANCEF2_W41": (
        "Who ought to pay for long-term care in old age",
        ("family", "government", "the old themselves"),
    ),
    "EVOBIOA_W34": (
        "What most biologists say on the origin of humans",
        ("evolution", "no change since the beginning", "unsure"),
    ),
    "FAMSURV17_W50": (
        "The adult one is closest to",
        (
            "spouse", "unmarried partner", "grown-up child", "brother or sister", "mother",
            "father", "friend", "other relative", "other person",
        ),
    ),
    "GUNSAFETYKIDS_W26": (
        "Has talked with own children about gun safety",
        ("yes", "no", "no minor children"),
    ),
    "MADEUPSHAREWHY_W45": (
        "Why one passed on news known to be invented",
        ("surprise or fun", "liked it", "to start a debate", "to warn of it"),
    ),
    "MOVEURBAN_W32": (
        "Where city dwellers would rather live",
        ("city", "suburb", "countryside"),
    ),
    "NEIGHKIDS_W32": (
        "Has neighbours who could mind the children for a while",
        ("yes", "no", "not applicable"),
    ),
    "NEWSPREFV2_W45": (
        "Preferred way to get news",
        ("newspaper", "radio", "television", "social media", "news site or app"),
    ),
    "POLCHF1_W36": (
        "Children and a woman's career in high politics",
        ("children first", "career first", "no children"),
    ),
    "PWMAN2_W49": (
        "Why one has no password manager",
        (
            "never heard of it", "passwords safe already", "no need", "costs too much",
            "too complicated", "no trust", "does not work well", "other reason", "not online",
        ),
    ),
    "WRKTRN1F1_W41": (
        "Who should see to it that workers have the right skills",
        ("government", "employers", "schools", "workers themselves"),
    ),
    "FAMSURV6_W50": (
        "Legal contracts that give unmarried couples the rights of married ones",
        ("strongly for", "rather for", "rather against", "strongly against"),
    ),
    "GAP21Q15_a_W82": (
        "US health care beside other rich countries",
        ("best", "above average", "average", "below average", "worst"),
    ),
    "GAP21Q23_W82": (
        "How grave racial discrimination is in the US",
        ("very grave", "fairly grave", "not so grave", "no problem"),
    ),
    "GAP21Q28_W82": (
        "Trust that the world will curb the effects of climate change",
        ("strong", "some", "little", "none"),
    ),
    "GAP21Q33_j_W82": (
        "Climate change as a goal of foreign policy",
        ("first rank", "second rank", "no goal"),
    ),
    "GAP21Q34_e_W82": (
        "Trust that Biden can mend ties with allies",
        ("strong", "some", "little", "none"),
    ),
    "GOVPRIORITYd_W54": (
        "Climate change as a task of the federal government",
        ("first rank", "second rank", "minor", "no task"),
    ),
    "INEQ5_e_W54": (
        "Lax rules for big companies as a cause of inequality",
        ("strong cause", "fair cause", "weak cause", "no cause"),
    ),
    "PROG_RNEED_W92": (
        "What is still to be done for equal rights of all races",
        ("much", "a little", "nothing"),
    ),
    "REPRSNTREP_W92": (
        "How well the Republican party stands for people like oneself",
        ("very well", "fairly well", "not so well", "not at all"),
    ),
    "SOCIETY_GUNS_W92": (
        "More guns in the country: good or bad for society",
        ("very good", "rather good", "neither", "rather bad", "very bad"),
    ),
    "WMNPRZ1_W36": (
        "A woman as president: good or bad for the country",
        ("very good", "rather good", "rather bad", "very bad"),
    ),
}  # fmt: skip
"""Text and labels of each question, in the order of its options."""


def drawn(survey: Survey) -> list[str]:
    """Return the keys of the first half."""
    least = Protocol()
    pool = sorted(
        question.key
        for question in survey
        if question.n_options >= least.min_options
        and not question.scale
        and question.n_respondents >= least.min_respondents_per_option * question.n_options
    )
    return sorted(np.random.default_rng(0).choice(pool, HALF, replace=False).tolist())


def certainty(question: Question) -> float:
    """Return the share of replicates in which the question's winner can be flipped."""
    assert question.counts is not None
    protocol, shape = Protocol(), question.counts.shape
    total = round(question.counts.sum())
    rng = np.random.default_rng((0, *question.key.encode()))
    tables = rng.multinomial(total, question.counts.ravel() / total, REPLICATES)
    tables = tables.reshape(-1, *shape)
    sizes = tables.sum(axis=2)
    shares = tables / np.maximum(sizes, 1)[:, :, None]
    population = question.population(smoothing=protocol.smoothing).with_draws(
        luce_shepard_rewards(shares + protocol.smoothing), sizes / total
    )
    distances = flip_distances(population, Winner(), margin=protocol.margin, floor=protocol.floor)
    return float(np.isfinite(distances).mean())


def chosen(survey: Survey) -> list[str]:
    """Return the keys of the second half."""
    least = Protocol().min_options
    found = {q.key: certainty(q) for q in survey if q.n_options >= least}
    certain = [key for key, share in found.items() if share >= CERTAIN]
    return sorted(sorted(certain, key=lambda key: (-found[key], key))[:HALF])


def tables(survey: Survey) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the counts and the descriptions of the questions of both halves."""
    counts, about = [], []
    for part, keys in ((DRAWN, drawn(survey)), (CHOSEN, chosen(survey))):
        for key in keys:
            question, (text, labels) = survey[key], WORDS[key]
            assert question.counts is not None
            wave = key.rpartition("_W")[2]
            about.append((key, text, question.grouping, wave, part, SOURCE.format(wave)))
            places = question.ordinals if question.scale else (np.nan,) * len(labels)
            for group, row in zip(question.groups, question.counts, strict=True):
                for label, place, count in zip(labels, places, row.tolist(), strict=True):
                    counts.append((key, group, label, place, round(count)))
    columns = ["question", "group", "option", "ordinal", "count"]
    described = ["question", "text", "grouping", "wave", "part", "source"]
    return pd.DataFrame(counts, columns=columns), pd.DataFrame(about, columns=described)


def main() -> None:
    """Derive both files."""
    data = os.environ.get("SOCIALPREF_DATA")
    folder = cached("opinionqa") if data is None else Path(data, "opinionqa")
    counts, about = tables(read_opinionqa(folder, "party"))
    counts["ordinal"] = counts["ordinal"].map(lambda x: "" if np.isnan(x) else f"{x:g}")
    counts.to_csv(HERE / "pew_table.csv", index=False, lineterminator="\n")
    about.to_csv(HERE / "pew_questions.csv", index=False, lineterminator="\n")
    print(f"{len(about)} questions, {len(counts)} counts")


if __name__ == "__main__":
    main()
