"""A supervisor over tiny services, as a process of its own: `python -m tests.stack.small SCENARIO DIRECTORY`."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from sandbox.log import Log
from sandbox.service import Life, Service, StartError
from sandbox.supervisor import Supervisor

_SERVE = "import time; print('serving', flush=True); time.sleep(600)"
# Its child stays when it is killed, as the workers of some servers do.
_FORK = f"import os; os.fork(); {_SERVE}"
_DEAF = f"signal.signal(signal.SIGTERM, signal.SIG_IGN); {_SERVE}"


def services(scenario: str, directory: Path) -> list[Service]:
    """The services of one scenario; each writes its name down when it starts and when it is told to end."""

    def service(name: str, code: str, after: tuple[str, ...] = (), *, step: bool = False) -> Service:
        noted = f"import signal, sys; book = open({str(directory / 'book')!r}, 'a', buffering=1)\n"
        noted += f"def end(*_): print('-{name}', file=book); sys.exit()\n"
        noted += f"signal.signal(signal.SIGTERM, end); print('+{name}', file=book)\n{code}"
        command = [sys.executable, "-c", noted]
        patience = 1.0 if name == "deaf" else 30.0
        return Service(name, command, {}, after=after, ready_line="serving", step=step, stop_seconds=patience)

    return {
        "order": [
            service("web", _SERVE, after=("schema",)),
            service("schema", "", after=("data",), step=True),
            service("data", _SERVE),
        ],
        "forking": [service("pool", _FORK)],
        "deaf": [service("deaf", _DEAF)],
        "frozen": [service("frozen", "import os; print('serving', flush=True); os.kill(os.getpid(), signal.SIGSTOP)")],
        "broken": [service("data", _SERVE), service("schema", "raise SystemExit('no such table')", step=True)],
        "crashing": [service("web", "raise SystemExit('no such module')")],
    }[scenario]


async def _once(lives: Mapping[str, Life]) -> None:
    lives["frozen"].start_again("it makes no progress")
    await asyncio.Event().wait()


async def _run(scenario: str, directory: Path) -> None:
    supervisor = Supervisor(
        services(scenario, directory),
        lambda name: Log(name, directory / f"{name}.log", verbose=False),
        _once if scenario == "frozen" else None,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, supervisor.stop)
    await supervisor.run(lambda: print("READY", flush=True))  # noqa: T201 - read by the test


if __name__ == "__main__":
    try:
        asyncio.run(_run(sys.argv[1], Path(sys.argv[2])))
    except StartError as error:
        sys.exit(str(error))
