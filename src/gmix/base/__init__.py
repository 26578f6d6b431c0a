"""The ground floor: errors, arguments, tables and files, which know nothing of mixtures."""
