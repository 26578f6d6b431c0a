"""How Sphinx builds these pages: ``make docs``."""

import pkgutil
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
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["build", "sg_execution_times.rst", "templates"]
templates_path = ["templates"]
default_role = "py:obj"  # `GaussianMixture` in a docstring becomes a link
myst_enable_extensions = ["dollarmath", "deflist", "attrs_inline"]
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_type_aliases = {name: name for name in ("ArrayLike", "Array", "Rng", "Density", "Model")}
autodoc_member_order = "bysource"
add_module_names = False
python_maximum_signature_line_length = 80

copybutton_selector = "div:not(.output):not(.highlight-text):not(.sphx-glr-script-out) > div.highlight > pre"

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

_ENTRY = re.compile(r"(\*{0,2}\w[\w., *]*?)(?: :(?: (.*))?)?$")
_RAISES = re.compile(r"Raises (?=`)(.*?)\.(?= |$)")
_NOT_OURS = re.compile(r"set_\w+_request|onnx_\w+")  # added to estimators by scikit-learn, or read by skl2onnx


def _sections(_app, _what, _name, _object, _options, lines):
    """Turn the sections of a docstring into fields, and its entries ``name : description`` into definitions."""
    lines[:] = _with_raises(lines)
    out, section, i = [], None, 0
    while i < len(lines):
        line, following = lines[i], lines[i + 1] if i + 1 < len(lines) else ""
        if line in ("Parameters", "Attributes", "Returns", "Raises") and following and set(following) == {"-"}:
            section, i = line, i + 2
            out += ["", f":{section}:"]
            continue
        entry = _ENTRY.match(line) if section in ("Parameters", "Attributes", "Raises") else None
        if entry and (entry[2] or line.endswith(" :") or following.startswith("    ")):
            mark = "`" if section == "Raises" else "**"  # an error is a link
            names = ", ".join(mark + name.strip().replace("*", "\\*") + mark for name in entry[1].split(","))
            out += [f"    {names}", f"        {entry[2]}"] if entry[2] else [f"    {names}"]
        elif section and line.startswith("    "):
            out.append(f"    {line}" if section != "Returns" else line)
        elif section == "Returns" and line:
            out.append(f"    {line}")
        elif section and line.startswith(":Raises:"):
            section = None
            out.append(line)
        elif section and line:
            section = None  # prose after a section
            out += ["", line]
        else:
            section = None if section == "Returns" else section
            out.append(line)
        i += 1
    lines[:] = out


def _with_raises(lines):
    """Turn a sentence "Raises `A` for this, and `B` for that." into a field, after its paragraph."""
    out, paragraph = [], []
    for line in [*lines, ""]:
        if line:
            paragraph.append(line)
            continue
        text = " ".join(paragraph)
        if (found := _RAISES.search(text)) and not paragraph[0].startswith((" ", ">>>")):
            rest = f"{text[: found.start()].rstrip()} {text[found.end() :].lstrip()}".strip()
            out += [rest, ""] if rest else []
            out.append(":Raises:")
            for error, when in re.findall(r"(`+\w+`+) (.*?)(?:,? and (?=`)|$)", found[1]):
                out += [f"    {error}", f"        {when[0].upper()}{when[1:]}."]
        else:
            out += paragraph
        out.append("")
        paragraph = []
    return out[:-1]


def _skip(_app, _what, name, _object, skip, _options):
    return True if _NOT_OURS.fullmatch(name) else skip


def _documented(name):
    """The properties and methods of a class that have a docstring, for the table of its page."""
    owner = pkgutil.resolve_name(name)
    classes = owner.__mro__ if name in _INHERITING else [owner]
    members = {}
    for each in classes:
        if each.__module__.startswith("gmix"):
            for member, value in vars(each).items():
                if not member.startswith("_") and not _NOT_OURS.fullmatch(member):
                    members.setdefault(member, value)
    kinds = {"Properties": [], "Methods": []}
    for member, value in members.items():
        method = callable(value) or isinstance(value, (classmethod, staticmethod))
        if getattr(value, "__doc__", None) and (method or hasattr(type(value), "__get__")):
            kinds["Methods" if method else "Properties"].append(member)
    return [(title, names) for title, names in kinds.items() if names]


_INHERITING = {"gmix.GaussianMixture"}
_LISTED = re.findall(r"^   (gmix\.[\w.]+)$", (Path(__file__).parent / "reference.rst").read_text("utf-8"), re.MULTILINE)
autosummary_context = {
    "documented": {name: _documented(name) for name in _LISTED if isinstance(pkgutil.resolve_name(name), type)},
    "inheriting": sorted(_INHERITING),
    "enumerations": ["gmix.Reason"],
    "titles": {name: name.rsplit(".", 1)[1] if name.count(".") > 2 else name for name in _LISTED},
}


def _split_examples(_app, doctree):
    """Show the input and the output of an example as two blocks, so that the input can be copied."""
    blocks = [
        node
        for node in doctree.findall(nodes.Element)
        if isinstance(node, nodes.doctest_block)
        or (isinstance(node, nodes.literal_block) and node.get("language") == "pycon")
    ]
    for node in blocks:
        parts = []
        for line in node.astext().rstrip().splitlines():
            is_input = line.startswith((">>>", "..."))
            if not parts or parts[-1][0] is not is_input:
                parts.append((is_input, []))
            parts[-1][1].append(line[4:] if is_input else line.replace("<BLANKLINE>", ""))
        node.replace_self([_block(is_input, "\n".join(lines).rstrip()) for is_input, lines in parts])


def _block(is_input, text):
    language, kind = ("python", "input") if is_input else ("text", "output")
    return nodes.literal_block(text, text, language=language, classes=[kind])


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
    app.connect("autodoc-skip-member", _skip)
    app.connect("doctree-read", _split_examples)
    app.connect("autodoc-process-signature", _signature)
