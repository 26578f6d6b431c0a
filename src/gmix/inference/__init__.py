"""Inference about a fit: standard errors, the bootstrap, cross-validation, merging and prediction."""
