"""`python -m geppetto` is the command `geppetto`."""

import sys

from geppetto.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
