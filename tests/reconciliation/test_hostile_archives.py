"""Archives that are no bill: refused in words, and in little memory."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from checkout.reconciliation import archive, rows
from checkout.reconciliation.archive import Unreadable
from tests.reconciliation.papers import packed, row, trades
from tests.shared.processes import ROOT

MOST_BYTES = 60_000_000
HUGE = 300_000_000
_MEASURED = """
import sys
from pathlib import Path
from checkout.reconciliation import rows
from checkout.reconciliation.archive import Unreadable

def most_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before = most_bytes()
try:
    with open(sys.argv[1], "rb") as content:
        rows.check(content)
except Unreadable as error:
    print(most_bytes() - before, error)
"""


def zipped(content: bytes | Callable[[IO[bytes]], None], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """One member, written at once or piece by piece."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made, made.open("list.csv", "w", force_zip64=False) as member:
        if callable(content):
            content(member)
        else:
            member.write(content)
    return file.getvalue()


def endless(member: IO[bytes]) -> None:
    """A list whose first row never ends."""
    member.write(f"{trades([]).splitlines()[0]}\r\n".encode("gb18030"))
    for _ in range(HUGE // 1_000_000):
        member.write(b"x" * 1_000_000)


def dense_but_endless(member: IO[bytes]) -> None:
    """The same in a member that looks small enough to be text."""
    member.write(f"{trades([]).splitlines()[0]}\r\n".encode("gb18030") + b"x" * 9_000_000)


def encrypted(content: bytes) -> bytes:
    """The mark of it is enough: nobody has the password."""
    made = bytearray(content)
    made[6] |= 1
    made[made.index(b"PK\1\2") + 8] |= 1
    return bytes(made)


def crowded() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for number in range(archive.MOST_MEMBERS + 1):
            made.writestr(f"{number}.csv", b"")
    return file.getvalue()


def long_directory(content: bytes) -> bytes:
    """It says that its directory is as long as anything."""
    made = bytearray(content)
    struct.pack_into("<L", made, made.rindex(b"PK\5\6") + 12, 0xFFFFFFF0)
    return bytes(made)


def damaged() -> bytes:
    content = bytearray(packed(trades([row(f"A{n}", "1.00") for n in range(200)])).read())
    middle = len(content) // 2
    content[middle : middle + 40] = b"\0" * 40
    return bytes(content)


BILL = trades([row("A1", "1.00")]).encode("gb18030")
HOSTILE = {
    "page": b"<html>\xe8\xaf\xb7\xe7\xa8\x8d\xe5\x90\x8e</html>",
    "empty": b"",
    "cut": packed(BILL.decode("gb18030")).read()[:-30],
    "damaged": damaged(),
    "encrypted": encrypted(zipped(BILL)),
    "lzma": zipped(BILL, zipfile.ZIP_LZMA),
    "bzip2": zipped(BILL, zipfile.ZIP_BZIP2),
    "crowded": crowded(),
    "long directory": long_directory(zipped(BILL)),
    "no list": zipped(b"nothing"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_bill_is_refused(name: str) -> None:
    with pytest.raises(Unreadable):
        rows.check(io.BytesIO(HOSTILE[name]))


def test_every_cut_and_every_changed_byte_is_refused_or_read() -> None:
    """Whatever breaks on the way is a word of ours, never a fault of the program."""
    whole = packed(trades([row("A1", "1.00", remark="x,y")])).read()
    for place in range(len(whole)):
        for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]):
            try:
                rows.check(io.BytesIO(content))
            except Unreadable:
                continue


@pytest.mark.parametrize("write", [endless, dense_but_endless])
def test_bombs_are_refused_in_little_memory(tmp_path: Path, write: Callable[..., None]) -> None:
    file = tmp_path / "bill.zip"
    file.write_bytes(zipped(write))
    command = [sys.executable, "-c", _MEASURED, str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=100, check=True)
    bytes_used, _, why = done.stdout.partition(" ")
    assert int(bytes_used) < MOST_BYTES, done.stdout
    assert why.strip() in ("the bill is a bomb: it unpacks to far more than text does", "a line of the bill has no end")
