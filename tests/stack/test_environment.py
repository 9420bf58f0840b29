"""What a stack keeps from start to start, and what it gives up."""

import json
from pathlib import Path

import pytest

from sandbox.environment import Environment, Kept, Options
from tests.shared import ports


def started(data_dir: Path, port: int, flower_port: int, alipay_port: int) -> Kept:
    """What it has kept, once it was asked to use these ports."""
    return Environment(options(data_dir, port, flower_port, alipay_port), {}).kept


def options(data_dir: Path, port: int, flower_port: int, alipay_port: int) -> Options:
    return Options(
        str(data_dir), "127.0.0.1", port, flower_port, alipay_port, pay_window="30m", time_scale=1, verbose=False
    )


def test_ports_stay_the_same_from_start_to_start(tmp_path: Path) -> None:
    asked = (ports.free(), ports.free(), ports.free())
    assert started(tmp_path, *asked) == started(tmp_path, *asked)


def test_a_kept_port_that_is_asked_for_something_else_is_given_up(tmp_path: Path) -> None:
    before = started(tmp_path, ports.free(), ports.free(), ports.free())
    after = started(tmp_path, before.valkey_port, before.shop_port, ports.free())
    assert not {after.valkey_port, after.shop_port} & {before.valkey_port, before.shop_port}
    assert (after.jwt_secret, after.valkey_password) == (before.jwt_secret, before.valkey_password)


def test_a_directory_of_older_code_gets_what_came_later(tmp_path: Path) -> None:
    before = started(tmp_path, ports.free(), ports.free(), ports.free())
    file = tmp_path / "kept.json"
    kept = json.loads(file.read_text(encoding="utf-8"))
    del kept["metrics_port"]
    file.write_text(json.dumps(kept), encoding="utf-8")
    after = started(tmp_path, ports.free(), ports.free(), ports.free())
    assert after.metrics_port
    assert (after.jwt_secret, after.valkey_password) == (before.jwt_secret, before.valkey_password)


@pytest.mark.parametrize(
    ("given", "let_in"),
    [("", "{shop}"), ("https://a.example", "https://a.example,{shop}"), ("*", "*")],
)
def test_the_shop_that_comes_along_is_let_in_beside_others(tmp_path: Path, given: str, let_in: str) -> None:
    environment = Environment(options(tmp_path, 1, 2, 3), {"CHECKOUT_CORS_ORIGINS": given})
    shop = f"http://127.0.0.1:{environment.kept.shop_port}"
    assert environment["CORS_ORIGINS"] == let_in.format(shop=shop)


def test_a_shop_of_ones_own_is_let_in_by_its_owner(tmp_path: Path) -> None:
    own = {"CHECKOUT_SHOP_URL": "https://shop.example", "CHECKOUT_CORS_ORIGINS": "https://shop.example"}
    assert Environment(options(tmp_path, 1, 2, 3), own)["CORS_ORIGINS"] == "https://shop.example"
