"""``python -m inventory`` is ``efs-inventory``."""

from inventory.cli import main

if __name__ == "__main__":
    main()
