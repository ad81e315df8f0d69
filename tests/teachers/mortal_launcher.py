"""DP-GEN's launcher, killed with its caller at the step that MORTAL_AT names, as in ``4 middle`` or ``8 after``.

``after`` is the worst moment: the step's work is done, and not yet in DP-GEN's record.
"""

import os
import signal
import sys
import threading

from mlip_interfaces.campaign import dpgen_launcher

STEP, MOMENT = os.environ["MORTAL_AT"].split()
MIDDLE_SECONDS = 3.0
bounded = dpgen_launcher._bounded


def die():
    """As SIGKILL for the whole tree but its jobs."""
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def mortal(step, number, options):
    """A step that ends in death."""
    run = bounded(step, number, options)
    if number != int(STEP):
        return run

    def run_and_die(iteration, *arguments):
        if MOMENT == "middle":
            threading.Timer(MIDDLE_SECONDS, die).start()
        run(iteration, *arguments)
        die()

    return run_and_die


if __name__ == "__main__":
    dpgen_launcher._bounded = mortal
    dpgen_launcher.main(sys.argv[1], sys.argv[2], dpgen_launcher.LauncherOptions.model_validate_json(sys.argv[3]))
