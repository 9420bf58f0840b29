"""How bodies are described: each by the struct that checks or makes it, so that other programs understand it too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

Kind = type[msgspec.Struct]
_WHERE = "#/components/schemas/{name}"
# Python lets a last line feed pass before `$`, hence the look-ahead; others do not, and RE2 knows none.
_OF_PYTHON = r"(?!\n)"


def components(kinds: Iterable[Kind]) -> dict[str, Any]:
    """The schemas of all that these structs are made of."""
    ordered = sorted(kinds, key=lambda kind: kind.__name__)
    _, found = msgspec.json.schema_components(ordered, ref_template=_WHERE)
    return {name: _told(schema) for name, schema in found.items()}


def reference(kind: Kind) -> dict[str, str]:
    return {"$ref": _WHERE.format(name=kind.__name__)}


def form(names: Iterable[str]) -> dict[str, Any]:
    """Of fields that are all texts."""
    fields = {name: {"type": "string"} for name in names}
    return {"type": "object", "properties": fields, "required": list(fields)}


def _told(part: Any) -> Any:
    if isinstance(part, list):
        return [_told(one) for one in part]
    if not isinstance(part, dict):
        return part
    schema = {name: _told(value) for name, value in part.items()}
    if isinstance(pattern := schema.get("pattern"), str):
        schema["pattern"] = pattern.replace(_OF_PYTHON, "")
    if isinstance(words := schema.get("enum"), list):
        schema["type"] = "string" if isinstance(words[0], str) else "integer"
    if isinstance(members := schema.get("properties"), dict):
        schema["properties"] = {name: _member(member) for name, member in members.items()}
    return schema


def _member(schema: dict[str, Any]) -> dict[str, Any]:
    """A default is told in words: generators take a member that has one for always there, and demand it."""
    if "default" not in schema:
        return schema
    usual = msgspec.json.encode(schema["default"]).decode()
    said = schema.get("description", "")
    rest = {name: value for name, value in schema.items() if name != "default"}
    return rest | {"description": f"{said} `{usual}` when it is left out.".strip()}
