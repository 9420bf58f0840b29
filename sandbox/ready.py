"""Imported into each worker (`celery worker -I sandbox.ready`): one line says that it takes work, at any log level."""

import sys

from celery.signals import worker_ready

LINE = "sandbox: worker ready"


@worker_ready.connect
def say(**_sender: object) -> None:
    """Celery itself says so at the level INFO only, and turns standard output into its log."""
    output = sys.__stdout__
    if output:
        output.write(LINE + "\n")
        output.flush()
