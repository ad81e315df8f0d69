"""The command line with `mortal_launcher` in the launcher's place."""

import sys

from mlip_interfaces.cli.main import main
from mlip_interfaces.pipeline import campaign

if __name__ == "__main__":
    campaign.LAUNCHER = "mortal_launcher"
    sys.exit(main())
