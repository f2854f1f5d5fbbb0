"""What a file says of its columns: labels, texts, missing values, scales."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import _validate
from ..._tables import ending_of, read_table_file, reading
from ...errors import InputError
from ..missing import printed

if TYPE_CHECKING:
    import pandas as pd

LABELLED_ENDINGS = {".sav": "SPSS", ".zsav": "SPSS", ".dta": "Stata"}
"""Endings of files that hold their own codebook."""
SCALES = ("ordinal", "nominal")


@dataclass(frozen=True)
class Codebook:
    """What is known of the columns of a table of rows.

    Attributes
    ----------
    labels : mapping
        For each column the label of each code.
    texts : mapping
        What is asked, by column.
    missing : mapping
        For each column the values that are declared missing, as pairs of the lowest and the
        highest of a range.
    scales : mapping
        For each column of which it is known: "ordinal" or "nominal".
    """

    labels: Mapping[str, Mapping[Any, str]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, Sequence[tuple[Any, Any]]] = field(default_factory=dict)
    scales: Mapping[str, str] = field(default_factory=dict)

    def declares(self, column: str, value: Hashable) -> bool:
        """Return whether a value is declared missing."""
        return any(
            isinstance(low, str) == isinstance(value, str) and low <= value <= high
            for low, high in self.missing.get(column, ())
        )

    def with_more(self, other: "Codebook") -> "Codebook":
        """Return the codebook with what another says; the other's word counts."""
        return Codebook(
            {**self.labels, **other.labels},
            {**self.texts, **other.texts},
            {**self.missing, **other.missing},
            {**self.scales, **other.scales},
        )


def read_labelled(file: Path) -> tuple["pd.DataFrame", Codebook]:
    """Return the rows of an SPSS or Stata file, and its codebook; call it within `reading`.

    Values that are declared missing stay in the table. Stata's tagged missing values are
    there as ``".a"`` to ``".z"``.

    Raises
    ------
    InputError
        If it is no such file.
    """
    frame, about = _read(file, user_missing=True, disable_datetime_conversion=True)
    labels = {name: dict(codes) for name, codes in about.variable_value_labels.items()}
    missing: dict[str, list[tuple[Any, Any]]] = {
        name: [(r["lo"], r["hi"]) for r in ranges] for name, ranges in about.missing_ranges.items()
    }
    for name, tags in about.missing_user_values.items():
        dotted = {tag: f".{tag}" for tag in tags}
        frame[name] = frame[name].astype(object).replace(dotted)
        labels[name] = {dotted.get(v, v): label for v, label in labels.get(name, {}).items()}
        missing[name] = [(tag, tag) for tag in dotted.values()]
    texts = {name: text or "" for name, text in about.column_names_to_labels.items()}
    scales = {n: scale for n, scale in about.variable_measure.items() if scale in SCALES}
    return frame, Codebook(labels, texts, missing, scales)


def names_of(file: Path) -> set[str]:
    """Return the names of the variables of an SPSS or Stata file; call it within `reading`."""
    return set(_read(file, metadataonly=True)[1].column_names)


def _read(file: Path, **options: bool) -> tuple["pd.DataFrame", Any]:
    import pyreadstat

    kind = LABELLED_ENDINGS.get(ending_of(file), "SPSS")
    read = pyreadstat.read_dta if kind == "Stata" else pyreadstat.read_sav
    # Some files name another encoding than they are in; then it is that of old Windows.
    for encoding in (None, "WINDOWS-1252"):
        try:
            return read(file, encoding=encoding, **options)
        except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError) as error:
            if encoding is not None or "encoding" not in str(error):
                raise InputError(f"not a complete {kind} file ({error})") from None
    raise AssertionError("the last attempt returns or raises")


def read_codebook(path: str | Path) -> Codebook:
    r"""Read a codebook: a table that says what the codes of each column mean.

    Parameters
    ----------
    path : str or Path
        A table with the columns ``variable``, ``code`` and ``label``. ``text``, ``scale``
        (``ordinal`` or ``nominal``) and ``missing`` (1 for codes that are no answers) are used
        if present. A row without a code is about the column as a whole.

    Returns
    -------
    Codebook

    Raises
    ------
    DataError
        If the file is missing, damaged or not of that form.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from socialpref.surveys import read_codebook
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "codebook.csv")
    ...     _ = file.write_text("variable,code,label,text\nQ1,1,yes,Agree?\nQ1,2,no,\n")
    ...     read_codebook(file).labels
    {'Q1': {'1': 'yes', '2': 'no'}}
    """
    file = _validate.path("path", path)
    labels: dict[str, dict[str, str]] = {}
    texts: dict[str, str] = {}
    scales: dict[str, str] = {}
    missing: dict[str, list[tuple[Any, Any]]] = {}
    with reading(file):
        frame = read_table_file(file, text=True)
        if lost := [name for name in ("variable", "code", "label") if name not in frame.columns]:
            raise InputError(f"a codebook must have a column {lost[0]!r}; there is none")
        for row in frame.astype(object).where(frame.notna(), "").to_dict("records"):
            variable, code = str(row["variable"]).strip(), str(row["code"]).strip()
            if code in labels.get(variable, {}):
                raise InputError(f"code {code!r} of {variable!r} must have one row; it has two")
            if code:
                labels.setdefault(variable, {})[code] = str(row["label"]).strip()
            if text := str(row.get("text", "")).strip():
                texts.setdefault(variable, text)
            if scale := str(row.get("scale", "")).strip().lower():
                _validate.choice(f"scale of {variable}", scale, SCALES)
                scales.setdefault(variable, scale)
            if str(row.get("missing", "")).strip().lower() in ("1", "yes", "true", "x"):
                number = _number(code)
                missing.setdefault(variable, []).extend([(code, code), (number, number)])
    return Codebook(labels, texts, missing, scales)


def by_code(labels: Mapping[Any, str]) -> dict[str, str]:
    """Return labels by their codes as they are printed: a codebook's "1" is the 1.0 of a file."""
    return {printed(code).strip(): str(label).strip() for code, label in labels.items()}


def _number(code: str) -> float | str:
    try:
        return float(code)
    except ValueError:
        return code
