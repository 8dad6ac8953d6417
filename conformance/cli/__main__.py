"""`python -m conformance.cli`: the same as the command chat-conformance."""

import sys

from conformance.cli.main import main

sys.exit(main())
