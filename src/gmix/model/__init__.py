"""The distribution and what it is computed from: statistics, covariance structures, priors, criteria, the kernel."""
