"""The process that runs the stack: `python -m sandbox`, a child of `checkout up`.

The first line of its standard input says what was asked for. The end of its standard input says that the command is
gone, after kill -9 too, and ends everything at once.
"""

import asyncio
import itertools
import json
import os
import signal
import sys
from functools import partial
from pathlib import Path

from checkout import settings
from checkout.language.chinese import told
from sandbox import ports
from sandbox.environment import Options
from sandbox.log import Log
from sandbox.service import StartError
from sandbox.stack import Stack
from sandbox.supervisor import Supervisor
from sandbox.watchdog import Watchdog


def main() -> int:
    """Run the stack until told to end: 0 when it was told, 1 when a service does not start, 2 when it cannot."""
    os.umask(0o077)  # Key files, secrets, data and logs are for their owner alone.
    options = Options(**json.loads(sys.stdin.buffer.readline()))
    stack = Stack(options, settings.environment())
    if problems := stack.taken_ports():
        return _complain(2, *problems)
    try:
        asyncio.run(_run(stack))
    except StartError as error:
        return _complain(1, str(error))
    finally:
        stack.environment.postgres.stop()
    return 0


async def _run(stack: Stack) -> None:
    logs = Path(stack.options.data_dir, "logs")
    logs.mkdir(exist_ok=True)
    numbers = itertools.count()
    supervisor = Supervisor(
        stack.services(),
        lambda name: Log(name, logs / f"{name}.log", verbose=stack.options.verbose, number=next(numbers)),
        partial(Watchdog().watch, ports.near(stack.options.host), stack.options.port, stack.environment["BROKER_URL"]),
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)

    def command_is_gone() -> None:
        loop.remove_reader(sys.stdin)
        supervisor.hurry()

    loop.add_reader(sys.stdin, command_is_gone)
    await supervisor.run(lambda: _announce(stack), lambda text: sys.stderr.writelines([told(f"checkout up: {text}\n")]))


def _announce(stack: Stack) -> None:
    sys.stdout.write("\n".join([*stack.addresses(), "READY\n"]))
    sys.stdout.flush()


def _complain(status: int, *messages: str) -> int:
    sys.stderr.writelines(told(f"checkout up: {message}\n") for message in messages)
    return status


if __name__ == "__main__":
    sys.exit(main())
