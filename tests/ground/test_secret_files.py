"""Secrets come from files as well, as containers and systemd hand them out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checkout import settings
from checkout.errors import SettingsError
from checkout.settings.secret_files import LARGEST_BYTES, SECRETS
from sandbox.environment import Environment, Options


def filed(environment: dict[str, str], name: str, content: str, directory: Path) -> dict[str, str]:
    file = directory / name
    file.write_text(content, encoding="utf-8")
    return {key: value for key, value in environment.items() if key != name} | {f"{name}_FILE": str(file)}


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_file_says_what_the_variable_would(name: str, environment: dict[str, str], tmp_path: Path) -> None:
    whole = {"CHECKOUT_FLOWER_BASIC_AUTH": "op:pässword", "CHECKOUT_METRICS_TOKEN": "abc", **environment}
    whole.setdefault("CHECKOUT_EVENTS_URL", whole["CHECKOUT_BROKER_URL"])
    by_file = settings.parse(filed(whole, name, whole[name] + "\n", tmp_path))
    assert by_file == settings.parse(whole)


@pytest.mark.parametrize("content", ["", " \n", "x" * (LARGEST_BYTES + 1)])
def test_a_file_that_says_nothing_or_far_too_much_is_named(
    content: str, environment: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="CHECKOUT_JWT_SECRET_FILE names a file"):
        settings.parse(filed(environment, "CHECKOUT_JWT_SECRET", content, tmp_path))


def test_a_file_that_is_not_there_or_no_text_is_named_without_its_content(
    environment: dict[str, str], tmp_path: Path
) -> None:
    given = filed(environment, "CHECKOUT_JWT_SECRET", "", tmp_path)
    (tmp_path / "CHECKOUT_JWT_SECRET").write_bytes(b"\xff\xfesecret")
    with pytest.raises(SettingsError, match="names no readable file of text") as caught:
        settings.parse(given)
    assert "secret\\n" not in str(caught.value)
    (tmp_path / "CHECKOUT_JWT_SECRET").unlink()
    with pytest.raises(SettingsError, match="names no readable file of text"):
        settings.parse(given)


def test_a_secret_that_is_told_twice_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    twice = environment | filed(environment, "CHECKOUT_JWT_SECRET", "y" * 40, tmp_path)
    with pytest.raises(SettingsError, match="CHECKOUT_JWT_SECRET_FILE is set, too"):
        settings.parse(twice)


def test_what_a_secret_says_is_judged_wherever_it_stands(environment: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CHECKOUT_JWT_SECRET is wrong: set a random secret"):
        settings.parse(filed(environment, "CHECKOUT_JWT_SECRET", "short", tmp_path))


def test_a_file_in_the_environment_wins_over_a_running_stack(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    (tmp_path / "secret").write_text("z" * 40, encoding="utf-8")
    monkeypatch.delenv("CHECKOUT_JWT_SECRET", raising=False)
    monkeypatch.setenv("CHECKOUT_JWT_SECRET_FILE", str(tmp_path / "secret"))
    assert settings.jwt_secret(tmp_path) == settings.load(tmp_path).jwt_secret == "z" * 40


def test_the_stack_starts_no_server_of_its_own_for_an_address_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("amqp://guest:guest@127.0.0.1//", encoding="utf-8")
    options = Options(str(tmp_path), "127.0.0.1", 1, 2, 3, "30m", 1, verbose=False)
    made = Environment(options, {"CHECKOUT_BROKER_URL_FILE": str(tmp_path / "url")})
    assert not made.is_ours("BROKER_URL")
    assert made["BROKER_URL"] == "amqp://guest:guest@127.0.0.1//"
    assert "CHECKOUT_BROKER_URL" not in made.variables


def test_a_secret_in_the_environment_wins_over_a_running_stacks_file(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = filed(environment, "CHECKOUT_JWT_SECRET", "s" * 40, tmp_path)
    (tmp_path / "environment.json").write_text(json.dumps(stored), encoding="utf-8")
    monkeypatch.setenv("CHECKOUT_JWT_SECRET", "z" * 40)
    assert settings.load(tmp_path).jwt_secret == "z" * 40


def test_a_port_that_is_none_is_left_to_who_reads_the_settings(tmp_path: Path) -> None:
    options = Options(str(tmp_path), "127.0.0.1", 1, 2, 3, "30m", 1, verbose=False)
    assert Environment(options, {"CHECKOUT_METRICS_PORT": "abc"}).metrics_ports("orders") == {}
