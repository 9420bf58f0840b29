"""The rooms of the house: who imports whom, what stands in one place only, and how long a file may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("checkout", "tasks", "api", "ops", "sandbox", "bench")
MAY_IMPORT = {
    "checkout": {"checkout"},
    "tasks": {"tasks", "checkout"},
    "api": {"api", "tasks", "checkout"},
    "sandbox": {"sandbox", "api", "tasks", "checkout"},
    "ops": {"ops", "sandbox", "api", "tasks", "checkout"},
    "bench": set(ROOMS),
}
LONGEST_FILE = 300
# Each with its reason.
MAY_BE_LONGER: dict[str, str] = {
    "schema.sql": "The one truth about tables stands in one place.",
}


def sources(*rooms: str) -> list[Path]:
    return sorted(file for room in rooms for file in (ROOT / room).rglob("*.py"))


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(file)}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(file: Path, *methods: str) -> set[str]:
    found = (node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call))
    return {func.attr for func in found if isinstance(func, ast.Attribute) and func.attr in methods}


def test_imports_go_one_way() -> None:
    for file in sources(*ROOMS):
        room = name(file).split("/")[0]
        rooms = {module.split(".")[0] for module in imported(file)} & {*ROOMS, "tests"}
        assert rooms <= MAY_IMPORT[room], name(file)


def test_the_api_knows_of_the_tasks_only_their_application() -> None:
    for file in sources("api"):
        found = {module for module in imported(file) if module.startswith("tasks")}
        assert found <= {"tasks.app", "tasks.app.app"}, name(file)


def test_the_business_knows_neither_celery_nor_falcon() -> None:
    for file in sources("checkout"):
        assert not {module.split(".")[0] for module in imported(file)} & {"celery", "falcon", "granian"}, name(file)


def test_the_sdk_is_imported_in_one_room_only() -> None:
    users = [file for file in sources(*ROOMS) if "alipay" in {module.split(".")[0] for module in imported(file)}]
    assert {file.parent for file in users if "bench" not in file.parts} <= {ROOT / "checkout" / "alipay"}


def test_transactions_end_in_one_place_only() -> None:
    for file in sources("checkout", "tasks", "api"):
        assert not calls(file, "commit", "rollback") or name(file) == "checkout/db.py", name(file)


def test_the_environment_is_read_in_one_place_only() -> None:
    for file in sources("checkout", "tasks", "api"):
        reads = re.search(r"os\.(environ|getenv)", file.read_text())
        assert reads is None or name(file) == "checkout/settings.py", name(file)


def test_no_file_is_too_long() -> None:
    files = [*sources(*ROOMS, "tests"), *ROOT.glob("*.py"), *ROOT.glob("*.sql")]
    too_long = {name(file) for file in files if len(file.read_text().splitlines()) > LONGEST_FILE}
    assert too_long == set(MAY_BE_LONGER)


def test_no_drawer_for_odds_and_ends() -> None:
    assert not [name(file) for file in sources(*ROOMS) if file.stem in ("utils", "helpers", "common", "misc")]
