"""The tables: first the article's, then what the adoption adds."""

from __future__ import annotations

from typing import Any

from django.db import models


def an_id() -> tuple[str, Any]:
    """The column that Django adds to a model without a key of its own."""
    return "id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")
