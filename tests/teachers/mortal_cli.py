"""The command line with `mortal_launcher` in the launcher's place."""

import sys

from mlip_interfaces.campaign import launching
from mlip_interfaces.cli.main import main

if __name__ == "__main__":
    launching.LAUNCHER = "mortal_launcher"
    sys.exit(main())
