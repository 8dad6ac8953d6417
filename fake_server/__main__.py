"""`python -m fake_server`: the reference fake server as a program."""

import sys

from fake_server.serve import main

if __name__ == "__main__":
    sys.exit(main())
