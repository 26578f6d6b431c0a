"""Conversions of mixtures to and from the classes and files of other software."""
