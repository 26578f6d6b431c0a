"""Fitting: EM, starts, the search over candidates, and the findings about its result."""
