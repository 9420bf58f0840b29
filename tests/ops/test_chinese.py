"""Whoever reads Chinese is told everything in Chinese, and programs read the same in every language."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import click.core
import click.decorators
import pytest

from checkout import startup
from checkout.audit.alarms import CURES
from checkout.audit.invariants import PROOFS
from checkout.audit.stuck import _KINDS
from checkout.db import Engine
from checkout.language import chinese
from checkout.language.chinese import SENTENCES
from checkout.language.words import WORDS
from checkout.reconciliation.discrepancies import _ACTIONS
from ops.demo.timeline import Record, Timeline
from ops.main import main
from ops.manual import _BETWEEN
from tests.shared.command import Command, in_a_process, refused
from tests.shared.factories import a_sku, placed
from tests.shared.sentences import everything, headings, parsed, parsing, raised, said, source

# What nobody sees at the terminal is for programs, logs and libraries.
UNSEEN = ("checkout/alipay/envelope.py", "checkout/alipay/notify.py", "sandbox/alipay/", "sandbox/shop/")
# Texts that are looked for in what others say, are a part of one that is whole elsewhere, or are for programs.
NO_SENTENCES = {
    *("too many connections", "too many clients", "remaining connection slots", "No space left on device"),
    *(*startup._VERDICTS, *startup._PASSES, "pooling mode", "is wrong", "does not answer", " is missing: ", "key pair"),
    *("1: the last audit found nothing.", "When the last audit was done.", "1: that invariant is broken."),
    *("7 is not of the form yyyy-MM-dd HH:mm:ss", "checkout up was not ready after 7 s"),
    *("checkout up ended with status 7", "checkout audit", "bold green", "bold red"),
}
# Of libraries and servers.
OF_OTHERS = {"idle in transaction"}
_COMMANDS = re.compile(r"checkout [a-z]+(?: [a-z]+)*|[a-z-]+ -[\w -]+|openssl pkey|pip install|pool_mode = \w+")
_LEFT = re.compile(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}")


def help_sentences(command: click.Command) -> Iterator[str]:
    texts = [command.help or "", *(getattr(one, "help", None) or "" for one in command.params)]
    for text in texts:
        for paragraph in text.partition("  [")[0].split("\n\n"):
            yield from filter(None, _BETWEEN.split(" ".join(paragraph.split())))
    for inner in getattr(command, "commands", {}).values():
        yield from help_sentences(inner)


def sentences() -> Iterator[tuple[str, str]]:
    """Where it is said, and what."""
    for file, tree in parsed("ops", "checkout/startup.py", "checkout/settings", "checkout/alipay/keys.py"):
        yield from ((file, one.partition("  [")[0]) for one in said(tree) if one not in WORDS)
    for file, tree in parsed("checkout", "sandbox/postgres.py", "sandbox/valkey.py", "sandbox/stack.py"):
        yield from ((file, one) for one in raised(tree))
    for cure in (*CURES.values(), *(cure for _, cure in _KINDS.values()), *_ACTIONS.values()):
        yield "checkout/audit", cure
    yield from (("checkout/audit", proof.says) for proof in PROOFS)
    yield from (("--help", one) for one in help_sentences(main))


def asked() -> list[tuple[str, str]]:
    unread = NO_SENTENCES.union(*(parsing(tree) for _, tree in parsed("checkout/settings")))
    return [
        (file, line)
        for file, text in dict.fromkeys(sentences())
        if not file.startswith(UNSEEN) and text not in unread
        for line in text.strip("\n").split("\n")
        if re.search("[a-z]{2,} [a-z]", line)
    ]


def lacking(line: str) -> bool:
    """Whether it is not known, or English is left of it."""
    told = chinese._known(line)
    return told is None or bool(_LEFT.search(_COMMANDS.sub("", told)))


def test_no_sentence_lacks_its_chinese() -> None:
    assert [f"{file}: {line}" for file, line in asked() if lacking(line)] == []


def test_one_that_lacks_it_is_noticed() -> None:
    assert lacking("the moon is made of cheese")
    assert lacking("CHECKOUT_MOON is wrong: it is made of cheese")
    assert not lacking("CHECKOUT_MOON is wrong: set a duration like 30m")


def test_none_is_there_that_nobody_says() -> None:
    places = [f"checkout/{name}" for name in ROOMS] + ["ops", "sandbox", "api/keys.py"]
    texts = everything(*places) + source(click.core) + source(click.decorators)
    stale = {
        one
        for one in SENTENCES.keys() - OF_OTHERS
        if not all(" ".join(piece.split()) in texts for piece in re.split(r"\{\w+\}", one))
    }
    assert stale == set()


ROOMS = (
    *("alipay", "audit", "events", "orders", "payments", "postgres", "prices", "reconciliation", "schema", "settings"),
    *("stock", "traces", "webhooks", "startup.py", "clock.py", "money.py", "tables.py"),
)


def test_both_have_the_same_places_to_fill() -> None:
    fields = re.compile(r"\{(\w+)\}")
    assert {one for one, told in SENTENCES.items() if set(fields.findall(one)) != set(fields.findall(told))} == set()


def test_each_heading_has_its_chinese_and_none_is_stale() -> None:
    found = {one for file, tree in parsed("ops") if not file.startswith(UNSEEN) for one in headings(tree)}
    assert found - WORDS.keys() == set()
    assert WORDS.keys() - found == {"Options", "Commands", "yes", "no"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("buyer 7 logs in at Alipay's cashier, ¥9.00, …7E605D", "买家 7 登录支付宝收银台，¥9.00，…7E605D"),
        ("buyer 7: waited 25 s for the money; order #9 is accepted", "买家 7：等收款等了 25 秒；订单 #9 处于 accepted"),
        ("#9  buyer 7, 2 × 明前龙井 250g, ¥9.00", "#9  买家 7，2 × 明前龙井 250g，¥9.00"),
        (
            "no round of relay for 100 s, beat for 90 s: start their process again",
            "没有动静：relay 已 100 秒，beat 已 90 秒；重启它们的进程",
        ),
        (
            "1 trade_differs: checkout stuck says what to do about each",
            "1 trade_differs：checkout stuck 说明每一件怎么办",
        ),
        ("order 7 cannot be placed: 杯子, {x} 50%", "订单 7 无法处理：杯子, {x} 50%"),
        ("nobody has ever said so", "nobody has ever said so"),
    ],
)
def test_what_is_put_together_is_told_in_its_parts(line: str, expected: str) -> None:
    assert chinese.in_chinese(line) == expected


CHINESE, PLAIN = {"LANG": "zh_CN.UTF-8"}, {"LANG": "C"}
# One that says Chinese, and cannot show it.
ASCII = CHINESE | {"PYTHONIOENCODING": "ascii"}


@pytest.mark.parametrize(
    ("locale", "is_read"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LC_ALL": "zh_TW.utf8", "LANG": "C"}, True),
        ({"LANG": "zh_CN"}, True),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, False),
        ({"LANG": "zh_CN.GBK"}, False),  # Here the terminal's characters are UTF-8.
        ({"LANG": "zh_CN.nonsense"}, False),
        ({"LANG": "en_US.UTF-8"}, False),
        ({}, False),
    ],
)
def test_who_reads_chinese(monkeypatch: pytest.MonkeyPatch, locale: dict[str, str], is_read: bool) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    monkeypatch.setattr("sys.stderr", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    assert chinese.is_read() is is_read


def test_a_long_line_of_somebodys_log_is_told_as_it_is_and_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chinese, "is_read", lambda: True)
    line = ", ".join(f"{{{n}: a, b; c}}" for n in range(5000))
    assert chinese.told(f"nothing is stuck\n{line}") == f"没有需要人处理的事\n{line}"


def test_help_in_chinese() -> None:
    told = in_a_process("--help", environment=CHINESE).stdout
    assert "用法：" in told
    assert "  doctor     检查各个部分；有一项失败时退出码为 1。" in told


@pytest.mark.parametrize("plain", [PLAIN, ASCII], ids=("C", "ASCII"))
def test_help_on_a_plain_terminal(plain: dict[str, str]) -> None:
    done = in_a_process("--help", environment=plain)
    assert (done.returncode, done.stderr, done.stdout.isascii()) == (0, "", True)
    assert "Usage: " in done.stdout


@pytest.fixture
def one_order(engine: Engine) -> None:
    a_sku(engine)
    placed(engine)


@pytest.mark.usefixtures("one_order")
@pytest.mark.parametrize(
    ("locale", "columns"),
    [
        (CHINESE, ["编号", "用户", "状态", "原因", "合计", "接单时间", "商品"]),
        (PLAIN, ["id", "user", "status", "reason", "total", "accepted", "items"]),
        (ASCII, ["id", "user", "status", "reason", "total", "accepted", "items"]),
    ],
    ids=("zh_CN", "C", "ASCII"),
)
def test_the_list_of_orders(environment: dict[str, str], locale: dict[str, str], columns: list[str]) -> None:
    done = in_a_process("orders", "list", environment=environment | locale)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[:7] == columns
    assert "awaiting_payment" in done.stdout


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        (
            CHINESE,
            (
                "所有设置齐全，格式正确",
                "没有进程处理 orders,refunds,alipay,webhooks,default：启动",
                "没有需要人处理的事",
            ),
        ),
        (
            PLAIN,
            (
                "all settings are there",
                "nobody serves orders,refunds,alipay,webhooks,default: ",
                "nothing needs a person",
            ),
        ),
    ],
    ids=("zh_CN", "C"),
)
def test_the_doctor(environment: dict[str, str], locale: dict[str, str], expected: tuple[str, str, str]) -> None:
    lines = in_a_process("doctor", environment=environment | locale).stdout.splitlines()
    found = {line[6:20].strip(): (line[:5].strip(), line[21:]) for line in lines}
    for (name, state), says in zip(
        (("configuration", "ok"), ("workers", "fail"), ("stuck", "ok")), expected, strict=True
    ):
        assert found[name][0] == state
        assert says in found[name][1]


@pytest.mark.usefixtures("one_order")
@pytest.mark.parametrize("command", [("orders", "list", "--json"), ("stuck", "--json"), ("audit", "--json")])
def test_programs_read_the_same_in_every_language(
    checkout: Command, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    told = []
    for language in ("zh_CN.UTF-8", "C"):
        monkeypatch.setenv("LC_ALL", language)
        told.append(checkout(*command).stdout)
    assert told[0] == told[1] != ""


def test_the_audit_names_its_proofs_in_words(checkout: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    lines = checkout("audit").stdout.splitlines()
    assert lines[0].split() == ["ok", "stock_not_negative", "没有", "SKU", "的库存为负"]
    assert len(lines) == len(PROOFS)


def test_errors_in_chinese(checkout: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert refused(checkout("orders", "show", "7")) == "没有订单 7"
    assert "请写订单编号，或 --all" in refused(checkout("orders", "retry"), status=2)
    monkeypatch.setenv("CHECKOUT_PAY_WINDOW", "soon")
    assert refused(checkout("orders", "list")) == "CHECKOUT_PAY_WINDOW 不对：写时长，如 30m"


def test_the_demo_tells_its_stories_in_chinese(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chinese, "is_read", lambda: True)
    record, timeline = Record(), Timeline()
    record.step("leaves without paying")
    record.event({"type": "checkout.order.closed", "time": "2026-11-28T08:00:00Z"}, "#9  the buyer cancels")
    record.expect("the order is still", "closed", "closed")
    record.expect("signed with its secret", True, False)
    timeline.tell("A lost notify", record)
    told = capfd.readouterr().out
    for line in ("丢失的通知", "没付款就离开", "order.closed  #9  买家取消", "订单仍是：closed", "应为 是，实为 否"):
        assert line in told
