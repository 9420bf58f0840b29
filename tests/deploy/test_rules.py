"""The alerts, by promtool's own unit tests: each fires at its fault within ten minutes, and nothing else does."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
PROMTOOL = shutil.which("promtool")

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")


class Case(NamedTuple):
    """What happens, in which series that is, and the alert that it raises."""

    name: str
    series: dict[str, str]
    alert: str | None


NEVER = "NobodyAudits"
TARGET = 'job="checkout",service="orders",instance="orders:9400"'
# In promtool's notation: a value, what is added each 15 seconds, and for how many of them.
HEALTHY = {
    "checkout_orders_accepted_seconds": "0x40",
    "checkout_notifies_waiting_seconds": "0x40",
    "checkout_relay_behind_seconds": "0x40",
    'checkout_http_requests_total{route="/v1/orders",status="202"}': "0+100x40",
    'checkout_http_requests_total{route="/v1/orders",status="503"}': "0+1x40",
    'checkout_http_seconds_bucket{route="/v1/orders",le="0.05"}': "0+100x40",
    'checkout_http_seconds_bucket{route="/v1/orders",le="+Inf"}': "0+100x40",
    'checkout_stuck{kind="money_not_kept"}': "0x40",
    'checkout_stuck{kind="order_parked"}': "0x40",
    'checkout_notifies_total{outcome="stored"}': "0+10x40",
    'checkout_notifies_total{outcome="unverified"}': "0x40",
    'checkout_alipay_calls_total{method="alipay.trade.query",result="done"}': "0+10x40",
    'checkout_alipay_calls_total{method="alipay.trade.query",result="no_answer"}': "0+1x40",
    "checkout_audit_ok": "1x40",
    "checkout_audit_finished_seconds": "0x40",
    f"up{{{TARGET}}}": "1x40",
    'checkout_loop_silent_seconds{loop="relay"}': "3x40",
    'checkout_loop_faults_total{loop="relay"}': "2x40",
    'checkout_tasks_run_total{task="sweep",result="done"}': "0+10x40",
    'checkout_queue_messages{queue="orders"}': "1x40",
    'checkout_webhook_failures{webhook="1"}': "0x40",
    'checkout_webhook_set_aside{webhook="1"}': "0x40",
    'checkout_certificate_days_left{certificate="app"}': "300x40",
    "checkout_partitions_ahead_days": "7x40",
    'checkout_database_connections{state="idle"}': "20x40",
    "checkout_database_connections_most": "100x40",
}
CASES = (
    Case("while all is well nothing fires", {}, None),
    Case("placing stands", {"checkout_orders_accepted_seconds": "0+15x40"}, "OrdersWait"),
    Case(
        "an API errs that never did",
        {'checkout_http_requests_total{route="/v1/orders",status="500"}': "_x36 7x4"},
        "ApiErrs",
    ),
    Case(
        "a loop meets its first fault", {'checkout_unforeseen_total{loop="waiting"}': "_x36 1x4"}, "SomethingUnforeseen"
    ),
    Case(
        "a task fails from the beginning",
        {'checkout_tasks_run_total{task="sweep",result="failed"}': "_x36 50x4"},
        "TasksFail",
    ),
    Case(
        "placing fails by its time limit, since somebody holds a lock",
        {'checkout_tasks_run_total{task="place_orders",result="failed"}': "0+1x40"},
        "PlacingFails",
    ),
    Case(
        "notifies fail from the beginning",
        {'checkout_tasks_run_total{task="apply_notifies",result="failed"}': "_x36 50x4"},
        "PlacingFails",
    ),
    Case(
        "Prometheus looks for the first time, and there are faults of last week",
        {
            f"up{{{TARGET}}}": "_x38 1x2",
            'checkout_http_requests_total{route="/v1/orders",status="500"}': "_x38 7x2",
            'checkout_tasks_run_total{task="place_orders",result="failed"}': "_x38 50x2",
            'checkout_unforeseen_total{loop="waiting"}': "_x38 3x2",
        },
        None,
    ),
    Case("paid money is not what we expect", {'checkout_stuck{kind="trade_differs"}': "1x40"}, "MoneyNeedsAPerson"),
    Case("the API errs", {'checkout_http_requests_total{route="/v1/orders",status="500"}': "0+1x40"}, "ApiErrs"),
    Case(
        "orders are turned away",
        {'checkout_http_requests_total{route="/v1/orders",status="503"}': "0+20x40"},
        "OrdersAreTurnedAway",
    ),
    Case(
        "answers are slow",
        {
            'checkout_http_seconds_bucket{route="/v1/orders",le="0.05"}': "0x40",
            'checkout_http_seconds_bucket{route="/v1/orders",le="2.5"}': "0+100x40",
        },
        "AnswersAreSlow",
    ),
    Case("the database is away for every API", {"checkout_orders_accepted_seconds": "_x40"}, "NumbersAreMissing"),
    Case("money came twice", {'checkout_stuck{kind="money_not_kept"}': "1x40"}, "MoneyNeedsAPerson"),
    Case("an order is parked", {'checkout_stuck{kind="order_parked"}': "2x40"}, "SomethingNeedsAPerson"),
    Case("notifies are stored and not applied", {"checkout_notifies_waiting_seconds": "0+15x40"}, "NotifiesWait"),
    Case(
        "somebody sends notifies that Alipay did not sign",
        {'checkout_notifies_total{outcome="unverified"}': "0+5x40"},
        "NotifiesAreNotOurs",
    ),
    Case(
        "Alipay does not answer",
        {
            'checkout_alipay_calls_total{method="alipay.trade.query",result="done"}': "0x40",
            'checkout_alipay_calls_total{method="alipay.trade.query",result="no_answer"}': "0+5x40",
        },
        "AlipayIsAway",
    ),
    Case(
        "the breaker holds the calls back",
        {
            'checkout_alipay_calls_total{method="alipay.trade.query",result="done"}': "0x40",
            'checkout_alipay_held_back_total{method="alipay.trade.query"}': "0+20x40",
        },
        "AlipayIsAway",
    ),
    Case("the books do not agree", {"checkout_audit_ok": "0x40"}, "AuditFoundABreach"),
    Case("the last audit is from long ago", {"checkout_audit_finished_seconds": "-140000x40"}, "AuditIsOld"),
    Case("a worker is gone", {f"up{{{TARGET}}}": "0x40"}, "ProcessIsGone"),
    Case(
        "the broker's disk is full",
        {'checkout_store_refuses{store="broker",reason="disk_full"}': "1x40"},
        "StoreRefuses",
    ),
    Case(
        "the broker takes what it is given",
        {'checkout_store_refuses{store="broker",reason=""}': "0x40"},
        None,
    ),
    Case(
        "all orders are turned away within one look of Prometheus, by an API that never did",
        {'checkout_http_requests_total{route="/v1/orders",status="503"}': "0x32 300x8"},
        "OrdersAreTurnedAway",
    ),
    Case("the relay is frozen", {'checkout_loop_silent_seconds{loop="relay"}': "0+15x40"}, "LoopStandsStill"),
    Case(
        "a loop meets what nobody foresaw",
        {'checkout_loop_faults_total{loop="relay"}': "2x20 3x20"},
        "SomethingUnforeseen",
    ),
    Case(
        "a task fails again and again",
        {'checkout_tasks_run_total{task="sweep",result="failed"}': "0+1x40"},
        "TasksFail",
    ),
    Case("nobody takes a queue's messages", {'checkout_queue_messages{queue="orders"}': "5000x40"}, "MessagesPileUp"),
    Case("subscribers are behind", {"checkout_relay_behind_seconds": "0+15x40"}, "SubscribersAreBehind"),
    Case("a receiver does not answer", {'checkout_webhook_failures{webhook="1"}': "20x40"}, "WebhookIsBehind"),
    Case("a receiver refuses much", {'checkout_webhook_set_aside{webhook="1"}': "500x40"}, "WebhookIsBehind"),
    Case("a certificate ends soon", {'checkout_certificate_days_left{certificate="app"}': "12x40"}, "CertificateEnds"),
    Case("tomorrow has no partitions", {"checkout_partitions_ahead_days": "0x40"}, "PartitionsAreMissing"),
    Case(
        "the server runs out of connections",
        {'checkout_database_connections{state="idle"}': "90x40"},
        "DatabaseConnectionsRunOut",
    ),
)


def _of_the_target(series: str) -> str:
    """Prometheus adds whose series it is."""
    if series.startswith("up{"):
        return series
    name, _, labels = series.rstrip("}").partition("{")
    return f"{name}{{{', '.join(filter(None, (labels, TARGET)))}}}"


def unit_test(case: Case) -> dict[str, object]:
    """As promtool reads it."""
    series = {_of_the_target(name): values for name, values in (HEALTHY | case.series).items()}
    labels = f'{{alertname="{case.alert}"}}'
    firing = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": "10m",
        "exp_samples": [{"labels": labels, "value": 1}] if case.alert else [],
    }
    return {
        "name": case.name,
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [firing],
    }


def promtool(*arguments: str) -> str:
    assert PROMTOOL
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, encoding="utf-8", timeout=60, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def judged(directory: Path, *cases: Case) -> str:
    """What promtool has against the rules in these cases; empty when it is content."""
    file = directory / "cases.yaml"
    content = {"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": [unit_test(case) for case in cases]}
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return promtool("test", "rules", str(file))


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@needs_promtool
def test_each_alert_fires_at_its_fault_and_no_other_does(tmp_path: Path) -> None:
    assert promtool("check", "rules", str(RULES)) == ""
    assert judged(tmp_path, *CASES) == ""


@needs_promtool
def test_an_alert_that_does_not_fire_is_noticed(tmp_path: Path) -> None:
    assert "FAILED" in judged(tmp_path, Case("all is well", {}, "OrdersWait"))


@needs_promtool
@pytest.mark.parametrize(
    ("hours", "told", "is_missed"),
    [(35, "up", False), (37, "up", True), (37, "checkout_audit_finished_seconds", False)],
)
def test_an_audit_that_never_was_is_missed_after_a_day_and_a_half(
    tmp_path: Path, hours: int, told: str, is_missed: bool
) -> None:
    fired = [{"labels": f'{{alertname="{NEVER}"}}', "value": 1}] if is_missed else []
    question = f'count by (alertname) (ALERTS{{alertstate="firing",alertname="{NEVER}"}})'
    case = {
        "interval": "1h",
        "input_series": [{"series": f"{told}{{{TARGET}}}", "values": "1x48"}],
        "promql_expr_test": [{"expr": question, "eval_time": f"{hours}h", "exp_samples": fired}],
    }
    file = tmp_path / "cases.yaml"
    content = {"rule_files": [str(RULES)], "evaluation_interval": "1h", "tests": [case]}
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert promtool("test", "rules", str(file)) == ""


def test_each_alert_has_its_case_and_its_section_of_the_runbook() -> None:
    assert {rule["alert"] for rule in alerts()} == {case.alert for case in CASES} - {None} | {NEVER}
    for rule in alerts():
        document, _, section = rule["annotations"]["runbook"].partition("#")
        titles = re.findall(r"^## (.+)$", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE)
        assert section in {title.lower().replace(" ", "-") for title in titles}, rule["alert"]
