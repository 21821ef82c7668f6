"""The demo: a mesh of its own, one recorded caller, and everything that follows from the call on the screen."""

from voicemesh_cli.demo.plan import PLANS, Plan
from voicemesh_cli.demo.run import run

__all__ = ["PLANS", "Plan", "run"]
