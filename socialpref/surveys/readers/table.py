"""A table of counts by question, group and option."""

from pathlib import Path

from ... import _validate
from ..._tables import read_table_file, reading
from ..survey import Survey


def read_table(path: str | Path, groups: str = "group") -> Survey:
    """Read a survey from a CSV file of counts.

    Parameters
    ----------
    path : str or Path
        The file; its columns are those of `Survey.from_frame`.
    groups : str
        Name of the column that holds the groups.

    Returns
    -------
    Survey

    Raises
    ------
    DataError
        If the file is missing, is not a CSV file, or not one of that form.
    """
    file = _validate.path("path", path)
    _validate.instance("groups", groups, str, "the name of a column")
    with reading(file):
        # Everything as text, so that "01", "None" and "1.50" stay the labels they are.
        frame = read_table_file(file, text=True)
        return Survey.from_frame(frame, groups=groups, name=file.name)
