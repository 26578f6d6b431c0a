"""Errors, arguments, tables and files, on which everything else builds. They do not depend on mixtures."""
