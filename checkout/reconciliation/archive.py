"""The zip of a bill: its lists of trades, line by line, in little memory whatever it holds.

Entry names are GBK without saying so, the lists GB18030 with CRLF; the summary and the numbered lists of a large day
stand in any order (opendocs.alipay.com, alipay.data.dataservice.bill.downloadurl.query).
"""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, Literal
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from checkout.errors import CheckoutError

TITLE = "业务明细查询"
MOST_MEMBERS = 1000
LARGEST_DIRECTORY_BYTES = 1_000_000
LARGEST_UNPACKED_BYTES = 2_000_000_000
LONGEST_LINE = 20_000
# Text as dense as a bill's shrinks to a fifteenth; what shrinks to less than this is there to fill a disk.
MOST_SHRUNK = 200
SMALL_BYTES = 10_000_000
_ENCRYPTED = 0x1
_WRITTEN: Literal["w"] = "w"  # As bytes: a member of a zip has no encoding of its own.
_END_OF_DIRECTORY, _END_BYTES, _LONGEST_COMMENT = b"PK\5\6", 22, 65_535
_ZIP64 = b"PK\6\7"


class Unreadable(CheckoutError):
    """What was downloaded is no bill as Alipay writes them."""

    code = "bill_unreadable"


def lists(archive: IO[bytes]) -> Iterator[Iterator[str]]:
    """The lines of each list of trades. Raises Unreadable, also while they are read."""
    with _unreadable():
        _check_directory(archive)
        with ZipFile(archive, metadata_encoding="gb18030") as packed:
            yield from _lists(packed, packed.infolist())


@contextmanager
def _unreadable() -> Iterator[None]:
    """What the libraries say of damaged archives, in one word."""
    try:
        yield
    except (BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, struct.error, OverflowError) as error:
        raise Unreadable(f"the bill cannot be read: {error}") from error


def _check_directory(archive: IO[bytes]) -> None:
    """The library reads an archive's directory whole, however long it is."""
    size = archive.seek(0, os.SEEK_END)
    archive.seek(max(0, size - _END_BYTES - _LONGEST_COMMENT))
    tail = archive.read()
    place = tail.rfind(_END_OF_DIRECTORY)
    if place < 0 or place + _END_BYTES > len(tail):
        raise Unreadable("the bill is no zip")
    members, length = struct.unpack_from("<HL", tail, place + 10)
    if members > MOST_MEMBERS or length > LARGEST_DIRECTORY_BYTES or _ZIP64 in tail[max(0, place - 20) : place]:
        raise Unreadable("the bill holds more files than a bill has")
    archive.seek(0)


def _lists(packed: ZipFile, members: Sequence[ZipInfo]) -> Iterator[Iterator[str]]:
    """Known by their first line; names and places are less sure."""
    _check_sizes(members)
    found = False
    for member in members:
        with _opened(packed, member) as text:
            if TITLE in text.readline(200):
                found = True
                yield _lines(text)
    if not found:
        raise Unreadable("the bill has no list of trades")


def rewrite(before: IO[bytes], after: IO[bytes], change: Callable[[Iterator[str]], Iterator[str]]) -> None:
    """Copies the archive; `change` sees each list's lines, with their ends, and says what stands there instead."""
    with (
        _unreadable(),
        ZipFile(before, metadata_encoding="gb18030") as packed,
        ZipFile(after, "w", ZIP_DEFLATED) as new,
    ):
        members = packed.infolist()
        _check_sizes(members)
        for member in members:
            with packed.open(member) as content, new.open(member.filename, _WRITTEN) as copy:
                _copy(content, copy, change)
    after.seek(0)


def _copy(content: IO[bytes], copy: IO[bytes], change: Callable[[Iterator[str]], Iterator[str]]) -> None:
    first = content.readline(200)
    copy.write(first)
    if TITLE not in first.decode("gb18030", "replace"):
        shutil.copyfileobj(content, copy)
        return
    # What cannot be decoded comes out as it went in.
    with TextIOWrapper(content, encoding="gb18030", errors="surrogateescape", newline="\n") as text:
        for line in change(text):
            copy.write(line.encode("gb18030", "surrogateescape"))


def _check_sizes(members: Sequence[ZipInfo]) -> None:
    for member in members:
        if member.flag_bits & _ENCRYPTED:
            raise Unreadable("the bill is encrypted")
        if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise Unreadable("the bill is packed in a way that Alipay does not use")
        if member.file_size > SMALL_BYTES and member.file_size > MOST_SHRUNK * member.compress_size:
            raise Unreadable("the bill is a bomb: it unpacks to far more than text does")
    if sum(member.file_size for member in members) > LARGEST_UNPACKED_BYTES:
        raise Unreadable("the bill is too large")


def _opened(packed: ZipFile, member: ZipInfo) -> TextIOWrapper:
    return TextIOWrapper(packed.open(member), encoding="gb18030", errors="replace", newline="\n")


def _lines(text: TextIOWrapper) -> Iterator[str]:
    with _unreadable():
        while line := text.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE and not line.endswith("\n"):
                raise Unreadable("a line of the bill has no end")
            yield line.rstrip("\r\n")
