"""How Sphinx builds these pages: ``make docs``."""

import re
from pathlib import Path

import matplotlib as mpl
from docutils import nodes
from latex2mathml.converter import convert

import gmix

project = "gmix"
author = "The gmix authors"
copyright = "2026, The gmix authors"  # noqa: A001  (Sphinx's own name)
version = release = gmix.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["build", "sg_execution_times.rst"]
default_role = "py:obj"  # `GaussianMixture` in a docstring becomes a link
myst_enable_extensions = ["dollarmath", "deflist", "attrs_inline"]
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_type_aliases = {name: name for name in ("ArrayLike", "Array", "Rng", "Density", "Model")}
autodoc_member_order = "bysource"
add_module_names = False

html_theme = "furo"
html_title = "gmix"
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["gmix.css"]
html_math_renderer = "mathml"  # every browser draws it itself: no script, no network

mpl.use("agg")
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
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

_SECTIONS = {"Parameters": "param", "Attributes": "ivar", "Raises": "raises"}
_ENTRY = re.compile(r"(\*{0,2}\w[\w., *]*?)(?: : (.*))?$")


def _sections(_app, _what, _name, _object, _options, lines):
    """Turn the sections of a docstring, entries of ``name : description``, into Sphinx's field lists."""
    out, field, i = [], None, 0
    while i < len(lines):
        line = lines[i]
        if line in _SECTIONS and i + 1 < len(lines) and set(lines[i + 1]) == {"-"}:
            field, i = _SECTIONS[line], i + 2
            out.append("")
            continue
        entry = _ENTRY.match(line)
        if field and entry and (entry[2] or (lines[i + 1 : i + 2] and lines[i + 1].startswith("    "))):
            out.append(f":{field} {entry[1]}: {entry[2] or ''}")
        elif field and line and not line.startswith("    "):
            field = None  # prose after a section, such as what is raised
            out += ["", line]
        else:
            out.append(line)
        i += 1
    lines[:] = out


def _mathml(text, display):
    return re.sub(
        r"<m[io]>(log|tr|min)</m[io]>", r'<mo lspace="0.17em" rspace="0.17em">\1</mo>', convert(text, display=display)
    )


def _inline(writer, node):
    writer.body.append(_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _display(writer, node):
    writer.body.append(f'<div class="math">{_mathml(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def _signature(_app, _what, _name, _object, _options, signature, returned):
    """Write the names of our own types, not what they stand for."""
    return tuple(
        text
        and re.sub(
            r"(?<![.\w])GaussianMixture\b",  # not the estimator of that name
            "~gmix.GaussianMixture",
            re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text),
        )
        for text in (signature, returned)
    )


def setup(app):
    """Register what this file adds to Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    (Path(__file__).parent / "gallery").mkdir(exist_ok=True)
    app.connect("autodoc-process-docstring", _sections)
    app.connect("autodoc-process-signature", _signature)
