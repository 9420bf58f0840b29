"""Bills: when they exist, the download address that dies after 30 seconds, and the zip behind it."""

import io
import re
import secrets
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from sandbox.alipay import bill_files, clock, fields
from sandbox.alipay.gateway import Gateway
from sandbox.alipay.wire import BusinessError

_LIFE = 30.0
_OTHER_TYPES = ("merchant_act", "trade_zft_merchant", "zft_acc")
_PERIOD = re.compile(r"\d{4}-\d{2}(-\d{2})?")


@dataclass(frozen=True)
class Period:
    """A day or a month in Beijing, as `yyyy-MM-dd` or `yyyy-MM`; `last` is the day after it."""

    name: str
    first: date
    last: date

    @property
    def monthly(self) -> bool:
        return len(self.name) == 7

    @property
    def ready_at(self) -> float:
        """09:00 of the next day, or of the 3rd of the next month."""
        day = self.last + timedelta(days=2) if self.monthly else self.last
        return datetime.combine(day, time(9), clock.BEIJING).timestamp()

    @property
    def seconds(self) -> tuple[float, float]:
        start, end = (datetime.combine(day, time(), clock.BEIJING).timestamp() for day in (self.first, self.last))
        return start, end


def offer_download(gateway: Gateway, biz: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of bill.downloadurl.query: an address that lives 30 s of Alipay's clock, or a file code."""
    bill_type = fields.text(biz, "bill_type", 32, required=True)
    if bill_type in _OTHER_TYPES:
        raise BusinessError("TYPE_NOT_SUPPORTED", "账单类型不支持")
    period = _period(biz)
    if bill_type not in bill_files.WRITERS or period is None:
        raise BusinessError("INVAILID_ARGUMENTS", "入参不合法")
    if not _exists(gateway, period):
        raise BusinessError("BILL_NOT_EXIST", "账单不存在")
    empty = gateway.switches.empty_bill
    if bill_files.is_empty(gateway, *period.seconds):
        if empty != "EMPTY_DATA_WITH_BILL_FILE":
            raise BusinessError(empty, "账单无数据")
        return {"bill_download_url": _address(gateway, bill_type, period), "bill_file_code": empty}
    return {"bill_download_url": _address(gateway, bill_type, period)}


def download(gateway: Gateway, file_id: str) -> tuple[str, bytes] | None:
    """File name and zip of a download address that still lives."""
    sql = "SELECT * FROM downloads WHERE file_id = ? AND expires_at > ?"
    row = gateway.store.one(sql, file_id, gateway.clock.now())
    period = _period({"bill_date": row["period"]}) if row else None
    if row is None or period is None:
        return None
    account = f"{gateway.signer.seller_id}0156"
    compact = period.name.replace("-", "")
    head = bill_files.Head(account, period.first, period.last, gateway.clock.now())
    names, contents = bill_files.WRITERS[row["bill_type"]](gateway, head, *period.seconds)
    members = {f"{account}_{compact}_{name}.csv": text for name, text in zip(names, contents, strict=True)}
    return f"{account}_{compact}.csv.zip", _zip(members)


def close_day(gateway: Gateway, day: date) -> None:
    """Make the bill of a day exist now."""
    gateway.store.run("INSERT INTO closed_days VALUES (?) ON CONFLICT DO NOTHING", day.isoformat())


def today(gateway: Gateway) -> date:
    return clock.beijing(gateway.clock.now()).date()


def _period(biz: Mapping[str, Any]) -> Period | None:
    name = fields.text(biz, "bill_date", 10, required=True)
    if not _PERIOD.fullmatch(name):
        return None
    try:
        first = date.fromisoformat(name if len(name) == 10 else f"{name}-01")
        following = first + timedelta(days=1) if len(name) == 10 else (first + timedelta(days=32)).replace(day=1)
    except (ValueError, OverflowError):  # The last days of year 9999 have no day after them.
        return None
    return Period(name, first, following)


def _exists(gateway: Gateway, period: Period) -> bool:
    if period.ready_at <= gateway.clock.now():
        return True
    return gateway.store.one("SELECT 1 FROM closed_days WHERE day = ?", period.name) is not None


def _address(gateway: Gateway, bill_type: str, period: Period) -> str:
    now, file_id = gateway.clock.now(), secrets.token_hex(16)
    gateway.store.run("DELETE FROM downloads WHERE expires_at <= ?", now)
    gateway.store.insert("downloads", file_id=file_id, bill_type=bill_type, period=period.name, expires_at=now + _LIFE)
    compact = period.name.replace("-", "")
    query = {
        "bizType": bill_type,
        "userId": f"{gateway.signer.seller_id}0156",
        "fileType": "csv.zip",
        "bizDates": compact,
        "downloadFileName": f"{gateway.signer.seller_id}0156_{compact}.csv.zip",
        "fileId": file_id,
    }
    return f"{gateway.base_url}/downloadBillFile.resource?{urlencode(query)}"


class _Member(zipfile.ZipInfo):
    """Alipay writes entry names in GBK and leaves the UTF-8 flag out; the library has no other door for that."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - the library's name
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def _zip(members: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            member = _Member(name)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, text.encode("gbk", "replace"))
    return buffer.getvalue()
