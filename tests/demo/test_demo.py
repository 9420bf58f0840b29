"""`checkout demo`: real stories on a real stack, and an exit status that can be believed."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from rich.cells import cell_len

from api.pages import CONSOLE, VIEWER
from checkout import settings
from ops.demo import alipay, run_demo
from ops.demo.shop import Shop
from ops.demo.stories import Story, buys_what_is_in_the_cart, clicks_twice
from ops.demo.timeline import Record
from sandbox import process
from tests.shared.processes import ROOT

# Each process compiles our own modules where writing bytecode is forbidden.
_BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the built wheel, as pipx or uv make one; its dependencies are those of this one."""
    place = tmp_path_factory.mktemp("installed")
    venv.create(place / "venv", symlinks=True)
    python = place / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(place), str(ROOT))
    [wheel] = place.glob("checkout-*.whl")
    run(*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    where = run(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    # A path in such a file is searched, and its own files of this kind, such as ours for development, are not read.
    Path(where, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    assert run(str(python), "-c", "import checkout; print(checkout.__file__)").startswith(where)
    return place / "venv"


def run(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=120, check=False, cwd=Path(sys.prefix)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_the_pages_with_all_their_files(installed: Path) -> None:
    asked = "from api.pages import CONSOLE, VIEWER; print(*sorted(CONSOLE.files | VIEWER.files))"
    assert run(str(installed / "bin" / "python"), "-c", asked).split() == sorted(CONSOLE.files | VIEWER.files)


@pytest.mark.timeout(400)
def test_the_demo_holds_where_the_wheel_is_installed_and_leaves_nothing_behind(tmp_path: Path, installed: Path) -> None:
    own = {name: value for name, value in settings.environment().items() if name not in ("COLUMNS", "PYTHONPATH")}
    done = subprocess.run(
        [str(installed / "bin" / "checkout"), "demo"],
        cwd=tmp_path,
        env=own | _BYTECODE | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        timeout=360,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every step held" in done.stdout
    assert "✗" not in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(cell_len, done.stdout.splitlines())) <= 80
    assert not list(tmp_path.iterdir())
    mark = str(tmp_path)
    assert not [pid for pid in process.everyone() if any(mark in value for value in process.variables(pid))]


@pytest.mark.timeout(400)
def test_a_broken_expectation_makes_it_fail_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _BYTECODE.items():
        monkeypatch.setenv(name, value)

    monkeypatch.setattr(alipay, "NOTIFY_SECONDS", 2)

    def with_a_fault(shop: Shop, record: Record) -> None:
        shop.alipay.arm("notify_lost")
        buys_what_is_in_the_cart(shop, record)

    stories = (Story("A fault too many", with_a_fault, ("alipay-gateway",)), Story("A double click", clicks_twice))
    assert run_demo(keep=False, data_dir=tmp_path / "data", stories=stories) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "✗ waited 2 s for a notify that is acknowledged; there is lost" in said
    assert "✓ orders that the buyer has: 1" in said
    assert "logs/alipay-gateway.log" in said
    assert "not every step held" in said


def test_an_expectation_says_what_was_expected_and_what_was_seen() -> None:
    record = Record()
    record.expect("orders", 1, 1)
    assert record.held
    record.expect("orders", 1, 2)
    assert not record.held
    assert [(line.mark, line.text) for line in record.lines] == [("✓", "orders: 1"), ("✗", "orders: expected 1, saw 2")]


def test_a_directory_with_something_in_it_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "something").touch()
    assert run_demo(keep=False, data_dir=tmp_path) == 2
    assert "is not empty" in capsys.readouterr().err
