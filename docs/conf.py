"""How Sphinx builds these pages: ``make docs``."""

import sys
from pathlib import Path

import matplotlib as mpl

import gmix

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))
from extension import members  # noqa: E402

project = "gmix"
author = "The gmix authors"
copyright = "2026, The gmix authors"  # noqa: A001  (Sphinx's own name)
version = release = gmix.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "extension",
]
exclude_patterns = [
    "build",
    "extension",
    "sg_execution_times.rst",
    "templates",
]
templates_path = ["templates"]
default_role = "py:obj"  # `GaussianMixture` in a docstring becomes a link
myst_enable_extensions = ["dollarmath", "deflist", "attrs_inline"]
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_type_aliases = {
    name: name for name in ("ArrayLike", "Array", "Rng", "Density", "Model")
}
autodoc_member_order = "bysource"
add_module_names = False
python_maximum_signature_line_length = 80

copybutton_selector = "div:not(.output):not(.highlight-text):not(.sphx-glr-script-out) > div.highlight > pre"

html_theme = "furo"
html_title = "gmix"
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["gmix.css"]
html_math_renderer = "mathml"
html_show_search_summary = (
    False  # summaries need a server; without them, search works from disk
)

mpl.use("agg")
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "backreferences_dir": "gallery/uses",
    "doc_module": ("gmix",),
    "reference_url": {"gmix": None},
    "filename_pattern": "/",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "min_reported_time": 600,
    "image_scrapers": ("matplotlib",),
    "matplotlib_animations": False,
    "abort_on_example_error": True,
    "reset_modules": ("matplotlib",),
}

REFERENCE = FOLDER / "reference.rst"
autosummary_context = members.context(REFERENCE)
autosummary_filename_map = members.file_names(REFERENCE)
(FOLDER / "gallery").mkdir(exist_ok=True)
