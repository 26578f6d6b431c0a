"""What a notebook shows for a fit, a mixture, a search, chains and draws: findings, tables and a small picture.

The HTML has no script, and takes the colors of text and background from the notebook, light or dark. Without
Matplotlib, or where a picture cannot be drawn, the tables stand alone.
"""

from __future__ import annotations

from gmix.notebook.posterior import posterior_draws_html
from gmix.notebook.values import agreement_html, chains_html, fit_html, goodness_html, mixture_html, search_html

__all__ = [
    "agreement_html", "chains_html", "fit_html", "goodness_html", "mixture_html", "posterior_draws_html", "search_html",
]  # fmt: skip
