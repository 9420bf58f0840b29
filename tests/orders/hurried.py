"""Workers whose tasks may take two seconds, so that nobody waits for twenty."""

from __future__ import annotations

from tasks.app import app

app.conf.task_soft_time_limit = 2
