"""The workers of a later version, whose messages say what those of today would misunderstand."""

from __future__ import annotations

import tasks.app

tasks.app.MESSAGE_VERSION += 1
app = tasks.app.app
