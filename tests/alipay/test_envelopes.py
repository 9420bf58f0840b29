"""What is read of an answer is the parse of the very text that Alipay signed, and of nothing else."""

from __future__ import annotations

import json
import re

import pytest

from checkout.alipay import envelope
from checkout.alipay.client import Alipay, Done, Refused, Unknown
from tests.alipay.hostile import QUERY, Hostile, inner

ORDER = "20261126000000000001N1R0123456789"
PAID = {"out_trade_no": ORDER, "trade_no": "2026112622001", "trade_status": "TRADE_SUCCESS", "total_amount": "20.00"}
UNPAID = PAID | {"trade_status": "WAIT_BUYER_PAY"}

# How somebody puts together a genuine text (TRUE) with its signature (SIGN) and a text of his own (FALSE).
FORGERIES = {
    "the genuine one is nested": '{"x":{"NAME":TRUE},"NAME":FALSE,"sign":"SIGN"}',
    "the genuine one comes first": '{"NAME":TRUE,"NAME":FALSE,"sign":"SIGN"}',
    "the genuine one comes last": '{"NAME":FALSE,"NAME":TRUE,"sign":"SIGN"}',
    "a name is escaped": '{"NAME":TRUE,"\\u0061lipay_trade_query_response":FALSE,"sign":"SIGN"}',
    "the genuine one's name is escaped": '{"\\u0061lipay_trade_query_response":TRUE,"NAME":FALSE,"sign":"SIGN"}',
    "it hides in a text": '{"x":"\\"NAME\\":TRUE","NAME":FALSE,"sign":"SIGN"}',
    "it is the gateway's error": '{"error_response":TRUE,"NAME":FALSE,"sign":"SIGN"}',
    "the forged one is the gateway's error": '{"error_response":FALSE,"NAME":TRUE,"sign":"SIGN"}',
    "it is in the certificate's number": '{"alipay_cert_sn":{"NAME":TRUE},"NAME":FALSE,"sign":"SIGN"}',
    "it is in a first signature": '{"sign":{"NAME":TRUE},"NAME":FALSE,"sign":"SIGN"}',
    "it follows the answer": '{"NAME":FALSE,"sign":"SIGN"}{"NAME":TRUE}',
    "it is in front of the answer": '"NAME":TRUE{"NAME":FALSE,"sign":"SIGN"}',
    "it is another answer's": '{"alipay_trade_close_response":TRUE,"NAME":FALSE,"sign":"SIGN"}',
    "it is a member of the forged one": '{"NAME":{"NAME":TRUE,"code":"10000"},"sign":"SIGN"}',
    "something stands beside it": '{"NAME":TRUE,"x":1,"sign":"SIGN"}',
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_genuine_answer_proves_no_forged_one_beside_it(alipay: Alipay, hostile: Hostile, forgery: str) -> None:
    true = inner(**UNPAID)
    parts = {"NAME": QUERY, "TRUE": true, "FALSE": inner(**PAID), "SIGN": hostile.sign(true)}
    hostile.says = re.sub("|".join(parts), lambda part: parts[part[0]], FORGERIES[forgery]).encode()
    assert isinstance(alipay.query(ORDER), Unknown)


def test_a_member_that_stands_twice_in_what_was_signed_is_not_read(alipay: Alipay, hostile: Hostile) -> None:
    content = inner(**UNPAID)[:-1] + ',"trade_status":"TRADE_SUCCESS"}'
    hostile.says = f'{{"{QUERY}":{content},"sign":"{hostile.sign(content)}"}}'.encode()
    assert isinstance(alipay.query(ORDER), Unknown)


def test_the_genuine_answer_alone_is_believed(alipay: Alipay, hostile: Hostile) -> None:
    """Else nothing above would prove anything."""
    hostile.says = hostile.genuine(**PAID).encode()
    answer = alipay.query(ORDER)
    assert isinstance(answer, Done)
    assert answer.fields["trade_status"] == "TRADE_SUCCESS"


@pytest.mark.parametrize("space", ["", " ", "\n\t "])
def test_blanks_between_the_members_do_not_matter(alipay: Alipay, hostile: Hostile, space: str) -> None:
    content = inner(**PAID)
    hostile.says = (
        f'{space}{{{space}"{QUERY}"{space}:{space}{content}{space},{space}"sign":"{hostile.sign(content)}"}}{space}'
    ).encode()
    assert isinstance(alipay.query(ORDER), Done)


DEEP = 200_000


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "null",
        "[]",
        '"text"',
        "{}",
        f'{{"{QUERY}":null,"sign":"AAAA"}}',
        f'{{"{QUERY}":[],"sign":"AAAA"}}',
        f'{{"{QUERY}":"text","sign":"AAAA"}}',
        f'{{"{QUERY}":{{"code":"10000"}},"sign":null}}',
        f'{{"{QUERY}":{{"code":"10000"}},"sign":1}}',
        f'{{"{QUERY}":{{"code":"10000"}},"sign":["AAAA"]}}',
        f'{{"{QUERY}":{{"code":"10000"}},"sign":{{}}}}',
        f'{{"{QUERY}":{{"code":NaN}},"sign":"AAAA"}}',
        f'{{"{QUERY}":{"[" * DEEP},"sign":"AAAA"}}',
        f'{{"{QUERY}":{"[" * DEEP}{"]" * DEEP},"sign":"AAAA"}}',
        f'{{"{QUERY}":' + '{"a":' * DEEP + "1" + "}" * DEEP + ',"sign":"AAAA"}',
        f'{{"{QUERY}":{{"code":"10000"}},"sign":"签名"}}',
        f'{{"{QUERY}":{{"code":"10000"}},"sign":"AAAA","alipay_cert_sn":5}}',
        f'{{"{QUERY}":{{"code":"10000"}},"sign":"AAAA"',
        f'{{"{QUERY}":{{"code":"10000"}},"sign":"AAAA",}}',
    ],
)
def test_what_is_no_answer_is_an_unknown_result(alipay: Alipay, hostile: Hostile, answer: str) -> None:
    hostile.says = answer.encode()
    assert isinstance(alipay.query(ORDER), Unknown)


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "40004", "sub_code": "ACQ.TRADE_NOT_EXIST"},
        {"code": "40002", "sub_code": "ACQ.TRADE_NOT_EXIST"},
        {"code": "40002", "sub_code": "ACQ.TRADE_HAS_CLOSE"},
        {"code": "40006", "sub_code": "isv.insufficient-isv-permissions"},
        {"code": "40005", "sub_code": "isv.app-call-limited"},
        {"code": "10000", **PAID},
    ],
)
@pytest.mark.parametrize("member", [QUERY, "error_response"])
def test_without_a_signature_nothing_is_learnt(
    alipay: Alipay, hostile: Hostile, member: str, fields: dict[str, str]
) -> None:
    hostile.says = json.dumps({member: fields}).encode()
    answer = alipay.query(ORDER)
    assert isinstance(answer, Unknown)
    assert not answer.is_foreign
    assert answer.code == fields.get("sub_code", fields["code"])


def test_a_signed_refusal_is_heard(alipay: Alipay, hostile: Hostile) -> None:
    hostile.says = hostile.genuine(code="40004", sub_code="ACQ.TRADE_NOT_EXIST", sub_msg="交易不存在").encode()
    assert alipay.query(ORDER) == Refused("TRADE_NOT_EXIST", "交易不存在")


def test_the_signed_text_is_kept_as_it_was_sent() -> None:
    opened = envelope.opened(f'{{"{QUERY}": {{"a" : "\\/}}"}} ,"sign":"x"}}', QUERY)
    assert (opened.content, opened.fields, opened.signature) == ('{"a" : "\\/}"}', {"a": "/}"}, "x")
