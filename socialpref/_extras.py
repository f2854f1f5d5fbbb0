"""The extra ``llm``: the versions that it needs, and one message when they are not there."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from .errors import InputError

LLM = {
    "torch": ">=2.6",
    "accelerate": ">=1.10.1",
    "datasets": ">=4.7",
    "peft": ">=0.20",
    "tokenizers": ">=0.23.1",
    "transformers": ">=5.23,<6",
    "trl": ">=1.16,<1.17",
}
"""The trainers override private methods of TRL 1.16; before it, TRL's head needs a GPU."""


def require_llm(what: str, names: Iterable[str] = tuple(LLM)) -> None:
    """Refuse to go on without the packages of the extra ``llm``, in versions that work.

    Parameters
    ----------
    what : str
        What needs them.
    names : iterable of str
        Which of them it needs.

    Raises
    ------
    InputError
        If a package is not installed, or its version is out of bounds.
    """
    from packaging.specifiers import SpecifierSet

    wrong = []
    for name in names:
        bounds = LLM[name]
        try:
            found = version(name)
        except PackageNotFoundError:
            wrong.append(f"{name} {bounds} (not installed)")
            continue
        if not SpecifierSet(bounds).contains(found, prereleases=True):
            wrong.append(f"{name} {bounds} (version {found} is installed)")
    if wrong:
        raise InputError(f"{what} needs {', '.join(wrong)}: install the extra 'llm' of socialpref")
