"""Columns of text that hold numbers are left out with a warning that says how to read them; other text is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import gmix
from gmix import DataError
from gmix.base.columns.column import kind_of_cells
from gmix.sources import as_source

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
pytest.importorskip("narwhals")

COMMAS = "numbers with decimal commas, written as text: read the table with decimal=','"
GROUPS = "numbers with thousands separators, written as text: read the table with thousands={!r}"
UNITS = "numbers with the unit {!r}, written as text: remove the unit"
NUMBERS: dict[str, tuple[list[Any], str]] = {
    "decimal commas": (["1,5", "-2,25", "12", "3,0"], COMMAS),
    "decimal commas beside floats": ([1.5, 2.5, "3,5", "4,5", "7,5"], COMMAS),
    "commas that may be either": (
        ["1,234", "5,678", "12"],
        "numbers with commas, written as text: read the table with decimal=',' or thousands=','",
    ),
    "German thousands": (
        ["1.234,50", "99,00", "12.345.678,00"],
        "numbers with decimal commas and thousands separators, written as text: read the table with decimal=',' and "
        "thousands='.'",
    ),
    "English thousands": (["1,234", "5", "1,234,567.5"], GROUPS.format(",")),
    "Swiss thousands": (["1'234.5", "3'000"], GROUPS.format("'")),
    "spaced thousands": (["1 234", "12 345 678"], GROUPS.format(" ")),
    "percent": (["5 %", "12.5%", "100%"], UNITS.format("%")),
    "euros": (["€ 5.00", "€12", "7 €"], UNITS.format("€")),
    "dollars": (
        ["$1,234.50", "-$3", "$12"],
        "numbers with thousands separators and the unit '$', written as text: remove the unit, then read the table "
        "with thousands=','",
    ),
    "kilograms": (["1.20 kg", "3 kg", "4.5kg", "0"], UNITS.format("kg")),
    "ratios of units": (["12.5 µg/L", "3 µg/L"], UNITS.format("µg/L")),
    "powers of units": (["5 m²", "3.5 m²"], UNITS.format("m²")),
    "degrees": (["20 °C", "21.5 °C"], UNITS.format("°C")),
    "one letter": (["60 W", "7.5 W"], UNITS.format("W")),
    "grams": (["120g", "85g"], UNITS.format("g")),
    "years": (["65 years", "3 years"], UNITS.format("years")),
    "a cell without": (
        ["1,5", "2,5", "closed", "3,1"],
        "text, although most cells are numbers with decimal commas: row 2 holds 'closed'; read the table with "
        "decimal=','",
    ),
    "one unit": (["5", "3", "9", "7 kg"], "text, although most cells are numbers: row 3 holds '7 kg'"),
}
OTHERS = {
    "dates": ["2020-01-01", "2021-02-03"], "German dates": ["01.02.2020", "13.04.2021"], "days": ["3 Jan", "4 Jan"],
    "American dates": ["1/2/2020", "2/3/2021"], "months": ["3. Mai", "4. Mai"], "years": ["1990s", "2000s", "2010s"],
    "times": ["12:30", "13:45"], "hours": ["5pm", "6pm", "11am"], "French times": ["12h", "14h", "9h30"],
    "German times": ["12.30 Uhr", "13 Uhr"], "phone numbers": ["555-1234", "555-2345"],
    "long phone numbers": ["+49 301 234 567", "+49 301 234 568"], "local phone numbers": ["030 123456", "040 1234"],
    "spaced phone numbers": ["123 456 789", "234 567 891"], "dotted phone numbers": ["+1.234.567", "06.12.34.56"],
    "codes": ["A12", "B13"], "seats": ["12A", "13A", "14A"], "spaced seats": ["3 B", "4 B"], "houses": ["7b", "9b"],
    "versions": ["1.2.3", "1.10.4"], "long versions": ["v1.2", "v1.3"], "addresses": ["10.0.0.1", "192.168.1.1"],
    "long addresses": ["192.168.100.200", "192.168.101.201"], "places": ["10115 Berlin", "10117 Berlin"],
    "ranks": ["1st", "2nd", "3rd", "4th"], "ratios": ["3/5", "4/5"], "ranges": ["5-10", "10-20"],
    "lists": ["1,2,3", "2,3,4"], "limits": ["<5", "<7"], "positions": ["52.5,13.4", "48.1,11.5"],
    "bytes": ["4f5e", "6d"], "half": ["1,5", "closed"], "blank": ["", " "],
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_in_another_notation_are_a_warning_with_a_remedy(name: str) -> None:
    cells, reason = NUMBERS[name]
    assert kind_of_cells(cells)[1] == reason


@pytest.mark.parametrize("name", OTHERS)
def test_text_that_is_no_number_is_none(name: str) -> None:
    assert kind_of_cells(OTHERS[name])[1] == ""


@pytest.mark.parametrize("read", [pd.DataFrame, lambda columns: pa.table(pd.DataFrame(columns))])
def test_a_table_with_such_columns_has_one_warning(read: Any) -> None:
    table = read({"id": [3, 1, 7], "length": ["1,5", "2,5", "0,5"], "width": ["1,0", "3,5", "9"], "day": ["5.1."] * 3})
    [found] = as_source(table).findings
    assert found.level == "warning"
    assert found.message == f"'length', 'width' ({COMMAS}), 'day' (text)"
    with pytest.raises(DataError, match=r"column 'length' holds .*, not numbers"):
        gmix.fit(table, 1, columns=["length"])


def test_units_in_a_csv_file_are_a_warning_and_marks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "goods.csv"
    rows = [f"{i % 7},{i % 5};{i}.000,5;{i},5 kg;{i % 9} %;12.{i + 1}.2020\n" for i in range(1, 13)]
    path.write_text("length;price;mass;share;day\n" + "".join(rows))
    source = as_source(path)
    assert source.features == ("length", "price")
    [found] = source.findings
    assert found.level == "warning"
    assert "'mass' (numbers with decimal commas and the unit 'kg', written as text: remove the unit" in found.message
    assert f"'share' ({UNITS.format('%')}), 'day' (text)" in found.message
