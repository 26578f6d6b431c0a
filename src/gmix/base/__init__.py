"""What everything else builds on: errors, arguments, tables and files. Nothing here knows of mixtures."""
