"""The command line."""

from gmix.cli.app import app

__all__ = ["app"]
