"""``python -m gmix`` is the command ``gmix``."""

from gmix_command import main

main()
