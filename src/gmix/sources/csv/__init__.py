"""CSV files: recognition of how they are written, and reading."""
