"""The gateway's wire: how a request is read and checked, and how an answer is wrapped and signed."""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from sandbox.alipay import clock, signing
from sandbox.alipay.gateway import Gateway

MESSAGES = {
    "10000": "Success",
    "20000": "Service Currently Unavailable",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40004": "Business Failed",
    "40005": "Call Limited",
}
_REQUIRED = {
    "method": "isv.missing-method",
    "sign": "isv.missing-signature",
    "sign_type": "isv.missing-signature-type",
    "timestamp": "isv.missing-timestamp",
    "version": "isv.missing-version",
}
_CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "gbk": "gbk", "gb2312": "gbk", "gb18030": "gb18030"}
_CHARSET = re.compile(rb"(?:^|&)charset=([\w-]{1,10})(?:&|$)")


class AlipayError(Exception):
    """An answer that is not 10000."""

    def __init__(self, code: str, sub_code: str, sub_msg: str) -> None:
        super().__init__(f"{code} {sub_code}: {sub_msg}")
        self.code, self.sub_code, self.sub_msg = code, sub_code, sub_msg

    @property
    def body(self) -> dict[str, Any]:
        return {"code": self.code, "msg": MESSAGES[self.code], "sub_code": self.sub_code, "sub_msg": self.sub_msg}


class BadSignature(AlipayError):
    """A known app's request whose signature does not hold: it is told in the method's own envelope, signed."""

    def __init__(self, sub_msg: str) -> None:
        super().__init__("40002", "isv.invalid-signature", sub_msg)


class BusinessError(AlipayError):
    """40004: the request was understood, but the trade's state or the request's values forbid it."""

    def __init__(self, sub_code: str, sub_msg: str) -> None:
        super().__init__("40004", sub_code, sub_msg)


@dataclass(frozen=True)
class Call:
    """A request whose form and signature are right."""

    method: str
    params: Mapping[str, str]
    biz: Mapping[str, Any]
    charset: str
    certified: bool


def read_params(query: bytes, body: bytes) -> dict[str, str]:
    """Merge query and body; their charset is the one that the `charset` parameter names (default utf-8)."""
    named = _CHARSET.search(query) or _CHARSET.search(body)
    charset = _CHARSETS.get(named.group(1).decode().lower(), "utf-8") if named else "utf-8"
    params: dict[str, str] = {}
    for part in (query, body):
        pairs = parse_qsl(part.decode("latin-1"), keep_blank_values=True, encoding=charset, errors="replace")
        params.update(pairs)
    return params


def check(gateway: Gateway, params: Mapping[str, str]) -> Call:
    """Turn parameters into a call, or raise AlipayError. The app id is checked before the signature, as Alipay does."""
    app_id = params.get("app_id")
    if not app_id:
        raise AlipayError("40001", "isv.missing-app-id", "缺少AppID参数")
    if app_id != gateway.signer.app_id:
        raise AlipayError("40002", "isv.invalid-app-id", "无效的AppID参数")
    for name, sub_code in _REQUIRED.items():
        if not params.get(name):
            raise AlipayError("40001", sub_code, f"缺少{name}参数")
    charset = _charset(params)
    _check_form(gateway, params)
    certified = _check_certificates(gateway, params)
    _check_signature(gateway, params, charset)
    return Call(params["method"], params, _read_biz(params.get("biz_content", "")), charset, certified)


def _charset(params: Mapping[str, str]) -> str:
    charset = _CHARSETS.get(params.get("charset", "utf-8").lower())
    if charset is None:
        raise AlipayError("40002", "isv.invalid-charset", "字符集错误")
    return charset


def _check_form(gateway: Gateway, params: Mapping[str, str]) -> None:
    if params["sign_type"] != "RSA2":
        raise AlipayError("40002", "isv.invalid-signature-type", "无效的签名类型")
    if params.get("format", "JSON").upper() != "JSON":
        raise AlipayError("40002", "isv.invalid-format", "无效的数据格式")
    if params["version"] != "1.0":
        raise AlipayError("40002", "isv.invalid-parameter", "参数无效：version")
    try:
        sent_at = clock.read(params["timestamp"])
    except ValueError:
        raise AlipayError("40002", "isv.invalid-timestamp", "非法的时间戳参数") from None
    tolerance = gateway.switches.timestamp_tolerance
    if tolerance is not None and abs(sent_at - gateway.clock.now()) > tolerance:
        raise AlipayError("40002", "isv.invalid-timestamp", "时间戳超出允许范围")


def _check_certificates(gateway: Gateway, params: Mapping[str, str]) -> bool:
    app_cert_sn, mode = params.get("app_cert_sn"), gateway.switches.mode
    if not app_cert_sn:
        if mode == "certificate":
            raise AlipayError("40002", "isv.missing-app-cert-sn", "缺少应用公钥证书序列号")
        return False
    if mode == "key" or app_cert_sn != gateway.signer.app_cert_sn:
        raise AlipayError("40002", "isv.app-cert-not-exist", "应用公钥证书不存在")
    if params.get("alipay_root_cert_sn") != gateway.signer.root_cert_sn:
        raise AlipayError("40002", "isv.invalid-alipay-root-cert-sn", "支付宝根证书序列号错误")
    return True


def _check_signature(gateway: Gateway, params: Mapping[str, str], charset: str) -> None:
    text = signing.text_to_sign(params, signing.REQUEST_RULE)
    if gateway.signer.verify(text.encode(charset, "replace"), params["sign"]):
        return
    hint = "验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配，网关生成的验签字符串为："
    raise BadSignature(hint + html.escape(text, quote=False))


def _read_biz(text: str) -> dict[str, Any]:
    try:
        biz = json.loads(text or "{}", parse_float=Decimal)
    except (ValueError, RecursionError):
        biz = None
    if not isinstance(biz, dict):
        raise AlipayError("40002", "isv.invalid-parameter", "参数无效：biz_content不是JSON对象")
    return biz


def envelope(gateway: Gateway, params: Mapping[str, str], body: Mapping[str, Any]) -> tuple[bytes, str]:
    """The signed answer and its content type. What is signed is the raw text of the inner object."""
    charset = _CHARSETS.get(params.get("charset", "utf-8").lower(), "utf-8")
    certified = bool(params.get("app_cert_sn"))
    in_envelope = gateway.switches.bad_signature == "signed_in_envelope"
    is_own = in_envelope and body.get("sub_code") == "isv.invalid-signature"
    unreadable = body["code"] in ("40001", "40002") and not is_own
    plain = unreadable and gateway.switches.gateway_errors == "unsigned"
    key = params.get("method", "").replace(".", "_") + "_response"
    if not params.get("method") or (unreadable and not plain):
        key = "error_response"
    inner = json.dumps(body, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
    parts = [f"{json.dumps(key)}:{inner}"]
    if certified and not plain:
        parts.append(f'"alipay_cert_sn":"{gateway.signer.cert_sn}"')
    if not plain:
        parts.append(f'"sign":"{gateway.signer.sign(inner.encode(charset, "replace"), certified)}"')
    return ("{" + ",".join(parts) + "}").encode(charset, "replace"), f"text/html;charset={charset}"
