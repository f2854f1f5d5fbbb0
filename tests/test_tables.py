"""Tables in files: endings, separators, encodings, and files that are none."""

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from socialpref import DataError
from socialpref._tables import ending_of, read_table_file, reading

ROWS: list[list[object]] = [["Zoë", 1.0, "a, b"], ["Ann", 2.5, "None"]]
COLUMNS = ["name", "weight", "answer"]


def lines(separator: str) -> str:
    """Return the table as text; cells that hold the separator are quoted."""
    cells = [COLUMNS, *([str(cell) for cell in row] for row in ROWS)]
    quoted = [[f'"{c}"' if separator in c else c for c in row] for row in cells]
    return "\n".join(separator.join(row) for row in quoted) + "\n"


def read(file: Path, **options: bool | int) -> list[list[object]]:
    with reading(file):
        frame = read_table_file(file, **options)  # type: ignore[arg-type]
    assert list(frame.columns) == COLUMNS
    return frame.to_numpy(object).tolist()


@pytest.mark.parametrize("name", ["t.csv", "t.txt", "t.csv.gz", "T.CSV", "t.dat"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_text_files(tmp_path: Path, name: str, encoding: str, separator: str) -> None:
    content = lines(separator).encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert read(tmp_path / name) == ROWS


def test_an_ending_can_name_the_separator(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("name, first\tweight\n")
    with reading(tmp_path / "t.tsv"):
        frame = read_table_file(tmp_path / "t.tsv")
    assert list(frame.columns) == ["name, first", "weight"]


def test_letters_that_only_windows_has(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(b"name,weight,answer\nx,1,don\x92t \x80\n")
    assert read(file) == [["x", 1, "don’t €"]]


def test_other_files(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=COLUMNS)
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    records = [json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in ROWS]
    (tmp_path / "t.jsonl").write_text("\n".join(records) + "\n\n")
    (tmp_path / "t.json").write_text(f"[{','.join(records)}]")
    (tmp_path / "lines.json").write_text("\n".join(records))
    for name in ("t.parquet", "t.xlsx", "t.jsonl", "t.json", "lines.json"):
        assert read(tmp_path / name) == ROWS
        assert read(tmp_path / name, rows=0) == []
        assert read(tmp_path / name, text=True) == [["Zoë", "1", "a, b"], ["Ann", "2.5", "None"]]


def test_cells_as_text(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("name,weight,answer\n01,1.50,None\n,NA,\n")
    assert read(file, text=True)[0] == ["01", "1.50", "None"]
    assert [pd.isna(cell) for cell in read(file, text=True)[1]] == [True, False, True]
    assert read(file)[0] == [1, 1.5, "None"]
    assert all(pd.isna(cell) for cell in read(file)[1])


def test_commas_for_points(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("name;weight;answer\n1,5;0,25;1,5 or so\n2;-1;2\n;,5;2,5\n")
    assert read(file)[:2] == [[1.5, 0.25, "1,5 or so"], [2, -1, "2"]]
    assert read(file)[2][1:] == [0.5, "2,5"]
    assert read(file, text=True)[0] == ["1.5", "0.25", "1,5 or so"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "it is not a CSV file"),
        ("t.csv", b"a,b\n1,2,3\n", "its rows must be as long as its header"),
        ("t.csv", b"a,b\n1,2\n1,2,3\n", "it is not a CSV file"),
        ("t.csv", b"PK\x03\x04\0\0", "it is not a text file"),
        ("t.csv.gz", b"a,b\n1,2\n", "Not a gzipped file"),
        ("t.parquet", b"PAR1 and so on", "it is not a Parquet file"),
        ("t.xlsx", b"a,b\n1,2\n", "it is not an Excel file"),
        ("t.jsonl", b'{"a": 1}\n{"a"', "line 2 is not JSON"),
        ("t.jsonl", b"[1]\n", "line 1 is not a JSON object"),
        ("t.json", b'[{"a": 1}, 2]', "item 2 is not a JSON object"),
        ("t.json", b'[{"a": 1}, ', "not a complete JSON file"),
        ("t.json", b"a,b", "line 1 is not JSON"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: .*{message}") as error:
        read(tmp_path / name)
    assert "\n" not in str(error.value)


def test_endings() -> None:
    assert [ending_of(Path(name)) for name in ("a.CSV.gz", "b.c.sav", "c", "d.gz")] == [
        ".csv",
        ".sav",
        "",
        "",
    ]
