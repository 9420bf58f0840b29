"""The rooms of the house: who imports whom, what stands in one place only, and how long a file may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
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
# Inside checkout, each floor stands on those before it; two rooms of one floor do not know each other.
FLOORS = (
    {"ground"},
    {"events", "audit"},
    {"stock", "webhooks"},
    {"prices"},
    {"orders"},
    {"alipay"},
    {"payments"},
    {"quotes"},
    {"roof"},
    {"reconciliation"},
    {"books", "erasure"},
)
ROOF = {"resources", "startup"}
MOST_FILES = 12
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
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(file)}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(file: Path, *methods: str) -> set[str]:
    found = (node.func for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    return {func.attr for func in found if isinstance(func, ast.Attribute) and func.attr in methods}


def test_imports_go_one_way() -> None:
    for file in sources(*ROOMS):
        room = name(file).split("/")[0]
        rooms = {module.split(".")[0] for module in imported(file)} & {*ROOMS, "tests"}
        assert rooms <= MAY_IMPORT[room], name(file)


def floor(module: str) -> int:
    """Which floor of checkout a module like `checkout.orders.cart` stands on; -1 for what is no part of it."""
    parts = [*module.split("."), ""]
    room = parts[1] if parts[1] in {name for floor in FLOORS for name in floor} else "ground"
    if parts[0] != "checkout" or parts[1] == "":
        return -1
    return next(n for n, rooms in enumerate(FLOORS) if ("roof" if parts[1] in ROOF else room) in rooms)


def upward(module: str, found: Iterable[str]) -> set[str]:
    """What `module` imports from floors above its own, or from another room of its own floor."""
    own, modules = module.split(".")[1], set(found)
    beside = {one for one in modules if floor(one) == floor(module) > 0 and one.split(".")[1] != own}
    return beside | {one for one in modules if floor(one) > floor(module)}


def test_the_rooms_of_the_business_stand_in_one_order() -> None:
    for file in sources("checkout"):
        module = name(file).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        if module != "checkout":
            assert upward(module, imported(file)) == set(), name(file)


def test_an_import_turned_round_is_noticed() -> None:
    assert upward("checkout.stock.units", ["checkout.orders.ledger"]) == {"checkout.orders.ledger"}
    assert upward("checkout.audit.stuck", ["checkout.events.log"]) == {"checkout.events.log"}
    assert upward("checkout.db", ["checkout.resources"]) == {"checkout.resources"}
    once = (one for one in ["checkout.errors", "checkout.orders"])  # As files are read.
    assert upward("checkout.events.bus", once) == {"checkout.orders"}
    assert upward("checkout.reconciliation.inquiries", ["checkout.resources", "checkout.payments.trades"]) == set()


def test_each_room_can_be_taken_in_at_a_glance() -> None:
    rooms = [room for room in (ROOT / "checkout").rglob("*") if room.is_dir() and room.name != "__pycache__"]
    for room in (ROOT / "checkout", *rooms):
        assert len(list(room.glob("*.py"))) <= MOST_FILES, name(room)


def test_a_room_says_what_it_is_for_and_exports_nothing() -> None:
    for room in {name for floor in FLOORS for name in floor} - {"ground", "roof"}:
        [says] = ast.parse((ROOT / "checkout" / room / "__init__.py").read_text(encoding="utf-8")).body
        assert isinstance(says, ast.Expr), room


def test_nothing_imports_in_a_circle() -> None:
    """Also not between files of one room."""
    files = {
        name(file).removesuffix(".py").replace("/", ".").removesuffix(".__init__"): file for file in sources(*ROOMS)
    }
    graph = {module: {one for one in imported(file) if one in files} - {module} for module, file in files.items()}
    done: set[str] = set()
    while ready := {module for module, needs in graph.items() if needs <= done} - done:
        done |= ready
    assert set(graph) - done == set()


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
        reads = re.search(r"os\.(environ|getenv)", file.read_text(encoding="utf-8"))
        assert reads is None or name(file) == "checkout/settings/__init__.py", name(file)


def test_no_file_is_too_long() -> None:
    files = [*sources(*ROOMS, "tests"), *ROOT.glob("*.py"), *ROOT.glob("*.sql")]
    too_long = {name(file) for file in files if len(file.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE}
    assert too_long == set(MAY_BE_LONGER)


_TEXT_FILES = {"read_text", "write_text", "TemporaryFile", "NamedTemporaryFile", "open"}


def unnamed(call: ast.Call) -> bool:
    """Whether the call reads or writes text in whatever encoding the locale has."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if "encoding" in given or name not in _TEXT_FILES or ast.unparse(call.func) == "os.open" or "force_zip64" in given:
        return "text" in given and "encoding" not in given  # Of a process, whose output is decoded.
    modes = [value for value in (*call.args, given.get("mode")) if isinstance(value, ast.Constant)]
    if name in ("TemporaryFile", "NamedTemporaryFile") and not modes:
        return False  # Binary, unless it says otherwise.
    says_a_mode = any(isinstance(mode.value, str) and set(mode.value) <= set("rwabx+t") for mode in modes)
    is_binary = any(isinstance(mode.value, str) and "b" in mode.value for mode in modes)
    return not is_binary and (name != "open" or says_a_mode or ast.unparse(call.func).endswith("path.open"))


def test_every_text_file_is_opened_as_utf_8() -> None:
    """Under a GBK locale, or none, Python would read it as something else."""
    for file in sources(*ROOMS, "tests"):
        calls = (node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
        assert [call.lineno for call in calls if unnamed(call)] == [], name(file)


def test_one_that_names_no_encoding_is_noticed() -> None:
    for call in ("path.read_text()", "path.open('w')", "open(name, 'r')", "run(command, text=True)", "path.open()"):
        [statement] = ast.parse(call).body
        assert isinstance(statement, ast.Expr)
        assert isinstance(statement.value, ast.Call)
        assert unnamed(statement.value), call


def test_no_drawer_for_odds_and_ends() -> None:
    assert not [name(file) for file in sources(*ROOMS) if file.stem in ("utils", "helpers", "common", "misc")]
