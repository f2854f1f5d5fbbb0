"""How fragile public-opinion rankings are: Figure 1 of arXiv 2502.16320, on your data.

    python analyses/pew_sensitivity.py --out figures
    python analyses/pew_sensitivity.py --opinionqa FOLDER --groups party --out figures

Data: the starter set, or OpinionQA's files. Draws the distribution function of the flip distance
among flippable questions, and for the most fragile winners the bars of average reward, NBC at
uniform sampling and NBC at the flipping sampling distribution. Prints the two numbers that the
paper reports next to ours.
"""

import argparse
from pathlib import Path

from socialpref.plots import flip_cdf, question_bars, save
from socialpref.surveys import read_opinionqa, read_starter, study

PAPER = "the paper, on 19 waves of microdata: about 20 % flippable, median distance 0.23"


def main() -> None:
    """Run the study and write its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--opinionqa", type=Path, help="folder of OpinionQA's files")
    parser.add_argument("--groups", default="party", help="party, race or sex (OpinionQA only)")
    parser.add_argument("--questions", type=int, default=5, help="how many to draw bars for")
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()

    survey = (
        read_opinionqa(options.opinionqa, options.groups) if options.opinionqa else read_starter()
    )
    result = study(survey)
    facts = result.summary()
    options.out.mkdir(parents=True, exist_ok=True)
    save(flip_cdf(result), options.out / "flip_cdf")
    frame = result.to_frame()
    winners = frame[frame["winner_flip_distance"] < float("inf")]
    for key in winners.nsmallest(options.questions, "winner_flip_distance")["question"]:
        save(question_bars(result[key]), options.out / f"question_{key}")
    print(
        f"{facts['survey']}: {facts['share_flippable']:.1%} flippable, "
        f"median distance {facts['median_distance']:.3f}\n{PAPER}"
    )


if __name__ == "__main__":
    main()
