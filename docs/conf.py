"""How Sphinx builds these pages: ``make docs``."""

project = "gmix"
author = "The gmix authors"
copyright = "2026, The gmix authors"  # noqa: A001  (Sphinx's own name)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = "gmix"
html_show_sourcelink = False
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
add_module_names = False
exclude_patterns = ["build"]
