"""Reading biz_content: every value is checked as Alipay's field documentation says."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandbox.alipay import clock
from sandbox.alipay.wire import BusinessError

_OUT_TRADE_NO = re.compile(r"[A-Za-z0-9_]{1,64}")
_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,2})?")
_RELATIVE = re.compile(r"([1-9]\d{0,4})([mhd])")
_UNITS = {"m": 60, "h": 3600, "d": 86400}
_LARGEST_FEN = 100_000_000_00
_LONGEST = 15 * 86400


def invalid(message: str) -> BusinessError:
    return BusinessError("ACQ.INVALID_PARAMETER", f"参数无效：{message}")


def text(biz: Mapping[str, Any], name: str, longest: int, required: bool = False) -> str:
    """A string of at most `longest` characters; empty when absent and not required."""
    value = biz.get(name)
    if value is None or value == "":
        if required:
            raise invalid(f"{name}不能为空")
        return ""
    if not isinstance(value, str) or len(value) > longest or not _is_unicode(value):
        raise invalid(f"{name}格式错误")
    return value


def _is_unicode(value: str) -> bool:
    """JSON can spell half a surrogate pair, which is no character."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def out_trade_no(biz: Mapping[str, Any]) -> str:
    value = text(biz, "out_trade_no", 64, required=True)
    if not _OUT_TRADE_NO.fullmatch(value):
        raise invalid("out_trade_no只能包含字母、数字、下划线")
    return value


def subject(biz: Mapping[str, Any]) -> str:
    value = text(biz, "subject", 256, required=True)
    if any(character in value for character in "/=&"):
        raise invalid("subject包含特殊字符")
    return value


def amount_fen(biz: Mapping[str, Any], name: str, label: str = "订单总金额") -> int:
    """Yuan with at most two decimals, 0.01 to 100000000, as a string or a JSON number; returned in fen."""
    value = biz.get(name)
    if value is None or value == "":
        raise invalid(f"{name}不能为空")
    if isinstance(value, bool) or not _AMOUNT.fullmatch(str(value)):
        raise invalid(f"{label}格式错误")
    fen = int(Decimal(str(value)) * 100)
    if not 1 <= fen <= _LARGEST_FEN:
        raise BusinessError("ACQ.TOTAL_FEE_EXCEED", f"{label}超出范围") if fen else invalid(f"{label}格式错误")
    return fen


def yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02}"


def moment(biz: Mapping[str, Any], name: str) -> float | None:
    value = text(biz, name, 19)
    if not value:
        return None
    try:
        return clock.read(value)
    except ValueError:
        raise invalid(f"{name}格式错误") from None


def duration(biz: Mapping[str, Any], name: str, now: float) -> float | None:
    """`1m` to `15d`, or `1c` (until midnight in Beijing), in seconds from `now`."""
    value = text(biz, name, 6)
    if not value:
        return None
    if value == "1c":
        today = clock.beijing(now)
        return 86400 - (today - today.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    match = _RELATIVE.fullmatch(value)
    seconds = int(match.group(1)) * _UNITS[match.group(2)] if match else 0
    if not 60 <= seconds <= _LONGEST:
        raise invalid(f"{name}格式错误")
    return seconds
