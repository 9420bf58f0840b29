"""Messages as the AsyncAPI document describes them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
from jsonschema_rs import Draft7Validator

from api import asyncapi
from checkout.events.log import Logged

SCHEMAS = "#/components/schemas/"


def expect_to_fit(told: Iterable[Logged]) -> None:
    """Each event of a test is as the document says: a test may do anything but that."""
    found = {f"{event.topic}: {why}" for event in told for why in misfits(msgspec.to_builtins(event.cloud_event()))}
    assert found == set()


def misfits(event: dict[str, Any]) -> list[str]:
    """What the document has against an event; here each member that the document does not name is one such thing."""
    return against(event, SCHEMAS + event["type"].removeprefix("checkout."))


def against(message: Any, pointer: str, *, strictly: bool = True) -> list[str]:
    """What the part of the document at that pointer has against a message."""
    return [f"{error.instance_path}: {error.message}" for error in _validator(pointer, strictly).iter_errors(message)]


@cache
def _validator(pointer: str, strictly: bool) -> Draft7Validator:
    components = asyncapi.document()["components"]
    if strictly:
        components["schemas"] = _closed(components["schemas"])
    return Draft7Validator({"$ref": pointer, "components": components}, validate_formats=True)


def _closed(schema: Any) -> Any:
    """The same schema, but nothing may be added: subscribers must allow for that, and we must say what we add."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    own = {name: _closed(one) for name, one in schema.items()}
    return own | {"additionalProperties": False} if own.get("type") == "object" and "properties" in own else own
