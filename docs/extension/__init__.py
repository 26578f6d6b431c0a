"""What these pages add to Sphinx."""

from extension import docstrings, examples, formulas, members


def setup(app):
    """Register the additions."""
    app.add_html_math_renderer("mathml", (formulas.inline, None), (formulas.display, None))
    app.connect("autodoc-process-docstring", docstrings.write_fields)
    app.connect("autodoc-process-signature", docstrings.write_signature)
    app.connect("autodoc-skip-member", members.skip)
    app.connect("doctree-read", examples.split_examples)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
