"""The optional packages: which versions each extra needs, and the message if they are missing."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from .errors import InputError

EXTRAS = {
    "excel": {"openpyxl": ">=3.1"},
    "train": {"torch": ">=2.2"},
    # The trainers override private methods of TRL. The head of 1.15 scores tokens on GPUs only.
    "llm": {
        "torch": ">=2.6",
        "accelerate": ">=1.10.1",
        "datasets": ">=4.7",
        "peft": ">=0.20",
        "tokenizers": ">=0.23.1",
        "transformers": ">=5.23,<6",
        "trl": ">=1.14,!=1.15.*,<1.17",
    },
}
"""The packages of each extra that code imports, with the bounds that ``setup.cfg`` declares."""


def require(extra: str, what: str, names: Iterable[str] | None = None) -> None:
    """Refuse to go on unless an extra's packages are installed, in versions that work.

    Parameters
    ----------
    extra : str
        A key of `EXTRAS`.
    what : str
        What needs them.
    names : iterable of str, optional
        Which of them it needs; all if omitted.

    Raises
    ------
    InputError
        If a package is not installed, or its version is out of bounds.
    """
    from packaging.specifiers import SpecifierSet

    wrong = []
    for name in EXTRAS[extra] if names is None else names:
        bounds = EXTRAS[extra][name]
        try:
            found = version(name)
        except PackageNotFoundError:
            wrong.append(f"{name} {bounds} (not installed)")
            continue
        if not SpecifierSet(bounds).contains(found, prereleases=True):
            wrong.append(f"{name} {bounds} (version {found} is installed)")
    if wrong:
        needed = ", ".join(wrong)
        how = f"pip install -c constraints.txt '.[{extra}]'"
        raise InputError(f"{what} needs {needed}: in a clone of socialpref run {how}")
