"""What is learned where the model is wrong: another link, lapses, too few types, merged types.

    python analyses/wrong_models.py

Data: the mediocre winner, whose gap of average rewards A - M is 1/6. Prints the tables of
docs/when-the-model-is-wrong.md. Limits are exact; latent classes are fitted to 20 simulated data
sets. About a minute on one core.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from socialpref import DPO, AgreementOnly, Logistic, Population, Probit, RewardAveraging
from socialpref.comparisons import fit_latent_classes, simulate
from socialpref.examples import mediocre_winner
from socialpref.limits import Method
from socialpref.limits.design import pair_design
from socialpref.limits.fits import fit_log_odds
from socialpref.links import LogisticWithLapses, Scaled, StudentT
from socialpref.theory import consistent_loss_exists

Floats = NDArray[np.float64]

CROWD = mediocre_winner()
LINKS: dict[str, Scaled] = {
    "logistic": Logistic(),
    "$\\Phi(x/1.702)$": Probit(1.702),
    "normal, equal slope": Probit().with_slope(0.25),
    "Student's t, 2 degrees, equal slope": StudentT(2).with_slope(0.25),
    "logistic, lapses 0.05": LogisticWithLapses(0.05),
    "logistic, lapses 0.1": LogisticWithLapses(0.1),
}
LAPSE = 0.05
"""The rate at which estimates are compared."""


def gap(rewards: Floats) -> float:
    """Return the gap A - M."""
    return float(rewards[0] - rewards[1])


def limit_gap(method: Method, link: Scaled) -> float:
    """Return the gap that a method learns from annotators with a link."""
    return gap(method.limit(Population(CROWD.rewards, link=link)).rewards)


def link_rows() -> Iterator[str]:
    """Yield a row for each link: what methods that take it for logistic learn."""
    yield "| link | slope at 0 | DPO | agreement-only | type models | a consistent loss, T = 3 |"
    yield "|---|---|---|---|---|---|"
    for name, link in LINKS.items():
        learned = (limit_gap(m, link) for m in (DPO(), AgreementOnly(), RewardAveraging()))
        found = consistent_loss_exists(link, 3)
        words = "no" if not found.exists else "yes, of "
        if found.exists:
            words += "all panels" if found.uses_disagreements else "unanimous panels"
        yield f"| {name} | {link.slope:.3f} | {' | '.join(f'{x:.4f}' for x in learned)} | {words} |"


# --- types ------------------------------------------------------------------------------


def preferences(types: Sequence[int]) -> Floats:
    """Return the preferences of an annotator who is drawn from some types."""
    return Population(CROWD.rewards[list(types)]).pairwise()


def panel_gap(wins: Floats, n_labels: int) -> float:
    """Return the gap of the agreement-only loss, from how often all labels prefer the first."""
    return gap(fit_log_odds(np.log(wins), pair_design(CROWD, None)).rewards) / n_labels


def random_panel_gap(n_labels: int) -> float:
    """Return the gap from panels of so many annotators who are drawn from everybody."""
    return panel_gap(preferences((0, 1, 2)) ** n_labels, n_labels)


def some_types_gap(n_asked: int) -> float:
    """Return the gap from panels of some types only, another choice of them every time."""
    chosen = combinations(range(3), n_asked)
    wins = np.mean([np.prod([preferences((u,)) for u in some], axis=0) for some in chosen], axis=0)
    return panel_gap(wins, n_asked)


def merged_gaps(merged: Sequence[int], other: int) -> tuple[float, float]:
    """Return the gaps of panels and of type models that take two types for one.

    The panels have two labels of the merged type, in proportion to its share.
    """
    both, alone = preferences(merged), preferences((other,))
    models = (DPO().limit(Population(CROWD.rewards[list(u)])).rewards for u in (merged, (other,)))
    first, second = map(gap, models)
    return panel_gap(both**2 * alone, 3), (2.0 * first + second) / 3.0


def type_rows() -> Iterator[str]:
    """Yield a row for each mistake about types."""
    yield "| what is taken for a panel of all three types | agreement-only | type models |"
    yield "|---|---|---|"
    right = (limit_gap(m, Logistic()) for m in (AgreementOnly(), RewardAveraging()))
    yield f"| one annotator of each | {' | '.join(f'{x:.4f}' for x in right)} |"
    for merged, other in (((0, 1), 2), ((0, 2), 1), ((1, 2), 0)):
        names = " and ".join(f"{u + 1}" for u in merged)
        found = " | ".join(f"{x:.4f}" for x in merged_gaps(merged, other))
        yield f"| types {names} merged | {found} |"
    yield f"| two of the three types, in turn | {some_types_gap(2):.4f} | |"
    for m in (2, 3, 5, 9):
        yield f"| {m} annotators drawn from everybody | {random_panel_gap(m):.4f} | |"


def class_gaps(n_classes: int, n_labels: int, seeds: Sequence[int]) -> Floats:
    """Return the gaps that latent classes find in data sets of five comparisons each."""
    found = []
    for seed in seeds:
        rows = simulate(CROWD, n_labels, "linked", comparisons=5, seed=seed)
        found.append(gap(fit_latent_classes(rows, n_classes).mean_rewards()[0]))
    return np.array(found)


def class_rows(n_labels: int = 400_000, n_sets: int = 20) -> Iterator[str]:
    """Yield a row for each number of classes: the mean gap, and its standard error."""
    yield "| classes | gap A - M | standard error |"
    yield "|---|---|---|"
    for n_classes in (1, 2, 3, 4):
        found = class_gaps(n_classes, n_labels, range(n_sets))
        error = found.std(ddof=1) / np.sqrt(n_sets)
        yield f"| {n_classes} | {found.mean():.3f} | {error:.3f} |"


# --- what lapses cost -------------------------------------------------------------------


def lapse_costs(lapse: float) -> tuple[float, float]:
    """Return V of the lapse-corrected loss, and of type models that know the rate of lapses.

    The standard error of an average-reward gap from n labels, in panels, is sqrt(V / n), averaged
    over pairs of options. By the sandwich formula, and the Fisher information of each type.
    """
    link, rewards = LogisticWithLapses(lapse), CROWD.rewards
    n_types, size = rewards.shape
    means, pairs = CROWD.mean_rewards(), list(combinations(range(size), 2))
    bends, spread = np.zeros((2, size, size))
    known = np.zeros((n_types, size, size))
    for y, z in pairs:
        way = np.eye(size)[y] - np.eye(size)[z]
        square = np.outer(way, way) / len(pairs)
        p = link(rewards[:, y] - rewards[:, z])
        clear = (p - lapse) / (1.0 - 2.0 * lapse)
        slopes = (1.0 - 2.0 * lapse) * clear * (1.0 - clear)
        known += (slopes**2 / (p * (1.0 - p)))[:, None, None] * square
        win = Logistic()(n_types * (means[y] - means[z]))
        for labels in product((0, 1), repeat=n_types):
            x = np.array(labels)
            chance = np.where(x, p, 1.0 - p).prod()
            first, second = (x - lapse).prod(), (1.0 - lapse - x).prod()
            slope = n_types * (second * win - first * (1.0 - win))
            spread += chance * slope**2 * square
            bends += chance * n_types**2 * (first + second) * win * (1.0 - win) * square
    inverse = np.linalg.pinv(bends)
    models = np.linalg.pinv(known).sum(axis=0) / n_types**2

    def per_label(V: Floats) -> float:
        return n_types * float(np.mean([V[y, y] + V[z, z] - 2.0 * V[y, z] for y, z in pairs]))

    return per_label(inverse @ spread @ inverse), per_label(models)


def main() -> None:
    """Print the tables of the page."""
    print("\n".join(link_rows()), end="\n\n")
    print("\n".join(type_rows()), end="\n\n")
    corrected, models = lapse_costs(LAPSE)
    print(
        f"lapses {LAPSE:g}: V {corrected:.1f} of the corrected loss, {models:.1f} of type models\n"
    )
    print("\n".join(class_rows()))


if __name__ == "__main__":
    main()
