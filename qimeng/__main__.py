"""``python -m qimeng`` is the same as ``qimeng``."""

from qimeng.cli import main

main()
