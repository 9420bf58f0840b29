"""`checkout demo`: the whole service in half a minute, as stories that real requests tell."""

from ops.demo.run import run_demo

__all__ = ["run_demo"]
