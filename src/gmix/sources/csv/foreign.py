"""Files that are not CSV, recognized by their first bytes."""

from __future__ import annotations

__all__ = ["foreign_format"]

_FOREIGN = {
    b"PK\x03\x04": "a spreadsheet or an archive",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"\x93NUMPY": "an array of NumPy",
    b"\x89HDF": "HDF5",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"{": "JSON",
    b"<!DOCTYPE": "a page of HTML",
    b"<!doctype": "a page of HTML",
    b"<html": "a page of HTML",
    b"\x89PNG": "a picture",
    b"%PDF": "PDF",
    b"PAR1": "Parquet, compressed as a file",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def foreign_format(head: bytes) -> str | None:
    """The format of a file that begins like this, in words; None for what may be CSV.

    >>> foreign_format(b"%PDF-1.7"), foreign_format(b"a,b")
    ('PDF', None)
    """
    return next((what for beginning, what in _FOREIGN.items() if head.startswith(beginning)), None)
