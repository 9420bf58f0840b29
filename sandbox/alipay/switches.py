"""What the sources leave open or disagree on: one switch per point. docs/gateway.md names the source of each."""

from typing import Annotated, Any, Literal

import msgspec

Product = Literal["page", "wap", "app", "qr", "order_code", "mini"]
Birth = Literal["login", "pay"]
Positive = Annotated[float, msgspec.Meta(gt=0, le=600)]


class Switches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All durations in seconds. Change with `PUT /admin/switches`; they survive a restart."""

    gateway_errors: Literal["unsigned", "signed_error_response"] = "unsigned"
    bad_signature: Literal["signed_in_envelope", "as_gateway_errors"] = "signed_in_envelope"
    buyer_ids: Literal["open_id", "user_id", "both"] = "user_id"
    mode: Literal["either", "key", "certificate"] = "either"
    timestamp_tolerance: float | None = None
    wap_product_codes: tuple[str, ...] = ("QUICK_WAP_WAY", "QUICK_WAP_PAY")
    unknown_biz_keys: Literal["ignore", "refuse"] = "ignore"
    short_expiry: Literal["exact", "minimum", "refuse"] = "exact"
    page_timer: Literal["restarts", "first_request"] = "restarts"
    qr_timer: Literal["request", "scan"] = "request"
    qr_repeat: Literal["same_code", "refuse"] = "same_code"
    app_trade_born: Birth = "pay"
    wap_trade_born: Birth = "login"
    reopen_page_after_timeout: bool = False
    cancel_kills_unscanned_qr: bool = False
    over_refund_code: Literal["ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "ACQ.REASON_TRADE_REFUND_FEE_ERR"] = (
        "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    )
    hasty_refund_code: str = "ACQ.SYSTEM_ERROR"
    triggers: Literal["2019", "2021", "2026"] = "2026"
    refund_notifies: Literal["always", "by_triggers", "never"] = "always"
    first_retry: float = 240
    face_to_face_resends: int = 3
    notify_content_type: Literal["plain", "malformed", "text_html"] = "plain"
    notify_charset: Literal["as_requested", "gbk"] = "as_requested"
    notify_timeout: Positive = 10
    empty_bill: Literal["EMPTY_DATA_WITH_BILL_FILE", "BILL_NOT_EXIST", "NO_BILL_DATA"] = "EMPTY_DATA_WITH_BILL_FILE"
    fee_rate: Annotated[float, msgspec.Meta(ge=0, le=0.1)] = 0.006


def changed(switches: Switches, changes: dict[str, Any]) -> Switches:
    """The switches with `changes` applied; msgspec.ValidationError names a switch or value that does not exist."""
    return msgspec.convert({**msgspec.to_builtins(switches), **changes}, Switches)
