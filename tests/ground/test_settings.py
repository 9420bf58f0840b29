"""Settings are read strictly: a wrong or missing one is named with its cure, and nothing starts."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from checkout import schema, settings
from checkout.alipay import keys
from checkout.db import Engine, transaction
from checkout.errors import SettingsError
from checkout.schema import migrations
from sandbox.alipay.keys import Keys
from tests.shared.processes import process

REQUIRED = (
    *("DATABASE_URL", "BROKER_URL", "REDIS_URL", "JWT_SECRET", "PUBLIC_URL", "ALIPAY_APP_ID", "ALIPAY_SELLER_ID"),
    *("ALIPAY_PRIVATE_KEY_FILE", "ALIPAY_PUBLIC_KEY_FILE"),
)


def faults(values: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings.parse(values)
    return str(caught.value).split("; ")


def test_the_defaults(environment: dict[str, str]) -> None:
    parsed = settings.parse(environment)
    assert (parsed.pay_window_seconds, parsed.freight_fen, parsed.free_freight_from_fen) == (1800, 1000, 0)
    assert (parsed.late_money, parsed.max_open_orders, parsed.rate_per_user) == ("reinstate", 20, 0)
    assert parsed.events_url == parsed.broker_url
    assert parsed.alipay_gateway_url.startswith("http")


def test_every_missing_setting_is_named_at_once() -> None:
    named = [fault.split(" ")[0] for fault in faults({})]
    assert sorted(named) == sorted(f"CHECKOUT_{name}" for name in REQUIRED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://x/y"),
        ("DATABASE_URL", "nonsense"),
        ("BROKER_URL", "http://x"),
        ("EVENTS_URL", "sqs://x"),
        ("REDIS_URL", "amqp://x"),
        ("JWT_SECRET", "short"),
        ("CORS_ORIGINS", "shop.example"),
        ("PUBLIC_URL", "checkout.example"),
        ("ALIPAY_APP_ID", "2021abc"),
        ("ALIPAY_SELLER_ID", "²"),
        ("ALIPAY_PRIVATE_KEY_FILE", "/nowhere.pem"),
        ("PAY_WINDOW", "30"),
        ("PAY_WINDOW", "0m"),
        ("PAY_WINDOW", "16d"),
        ("FREIGHT", "ten"),
        ("FREIGHT", "-1.00"),
        ("FREE_FREIGHT_FROM", "1.234"),
        ("LATE_MONEY", "keep"),
        ("MAX_OPEN_ORDERS", "-1"),
        ("MAX_OPEN_ORDERS", "many"),
        ("RATE_PER_USER", "1.5"),
        ("TIME_SCALE", "0"),
        ("TIME_SCALE", "nan"),
    ],
)
def test_a_wrong_setting_is_named_with_its_cure(environment: dict[str, str], name: str, value: str) -> None:
    [fault] = faults(environment | {f"CHECKOUT_{name}": value})
    assert fault.startswith(f"CHECKOUT_{name} is wrong: ")
    assert len(fault) > len(f"CHECKOUT_{name} is wrong: ")


def test_secrets_do_not_stand_in_the_fault(environment: dict[str, str]) -> None:
    secret = "hunter2-hunter2"
    assert secret not in faults(environment | {"CHECKOUT_JWT_SECRET": secret})[0]
    assert secret not in faults(environment | {"CHECKOUT_DATABASE_URL": f"mysql://u:{secret}@h/d"})[0]


def test_nothing_starts_with_a_wrong_setting(environment: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    wrong = environment | {"CHECKOUT_PAY_WINDOW": "soon"}
    for command in (("api", "--port=1"), ("celery", "-A", "tasks.app", "worker")):
        with process(*command, environment=wrong, log=log) as started:
            assert started.wait(60) != 0
        assert "CHECKOUT_PAY_WINDOW is wrong: set a duration like 30m" in log.read_text(encoding="utf-8")
        log.unlink()


def test_the_apps_own_public_key_is_not_alipays(environment: dict[str, str], alipay_sides: Keys) -> None:
    own = str(alipay_sides.app_public_key_file)
    parsed = settings.parse(environment | {"CHECKOUT_ALIPAY_PUBLIC_KEY_FILE": own})
    with pytest.raises(SettingsError, match=r"CHECKOUT_ALIPAY_PUBLIC_KEY_FILE is wrong"):
        keys.load(parsed)


def test_key_files_are_private(alipay_sides: Keys) -> None:
    for file in (alipay_sides.app_private_key_file, alipay_sides.alipay_private_key_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_schema_is_applied_to_an_empty_database_only(engine: Engine) -> None:
    with transaction(engine) as connection:
        assert schema.is_current(connection)
        with pytest.raises(migrations.NotEmpty, match="empty"):
            migrations.create(connection)
