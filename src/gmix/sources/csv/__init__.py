"""CSV files: how they are recognized and read."""
