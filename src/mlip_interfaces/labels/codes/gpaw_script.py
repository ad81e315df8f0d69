"""One GPAW calculation: ``gpaw_input.json`` of this folder to ``gpaw_result.json``.

Run as a script by whichever Python has GPAW, often another than ours (a distribution's, or ``mpiexec gpaw python``), so
that it imports nothing of this package.
"""

from __future__ import annotations

import json
import time
from pathlib import Path


def main() -> None:
    """Read, compute, write; whatever happens, the result says it."""
    began = time.time()
    import gpaw
    from ase import Atoms
    from gpaw import GPAW, PW, FermiDirac, KohnShamConvergenceError
    from gpaw.mpi import world

    given = json.loads(Path("gpaw_input.json").read_text())
    atoms = Atoms(given["symbols"], positions=given["positions_angstrom"], cell=given["cell_angstrom"], pbc=True)
    if given["moments"] is not None:
        atoms.set_initial_magnetic_moments(given["moments"])
    keywords = dict(given["keywords"])
    if given["mixer_beta"] is not None:
        from gpaw.mixer import Mixer, MixerSum

        keywords["mixer"] = (MixerSum if keywords["spinpol"] else Mixer)(given["mixer_beta"], 5, 100)
    result = {"version": gpaw.__version__, "cores": world.size, "status": "ok", "reason": None}
    try:
        atoms.calc = GPAW(
            mode=PW(given["plane_wave_cutoff_ev"]),
            occupations=FermiDirac(given["smearing_ev"]),
            txt="gpaw.txt",
            **keywords,
        )
        # The free energy is what the forces are the gradient of.
        result["energy_ev"] = float(atoms.get_potential_energy(force_consistent=True))
        result["forces_ev_per_angstrom"] = atoms.get_forces().tolist()
        result["stress_ev_per_angstrom3"] = atoms.get_stress(voigt=False).tolist()
    except KohnShamConvergenceError:
        result["status"] = "failed"
        result["reason"] = "the SCF did not converge"
    except FileNotFoundError as error:
        # GPAW's search for its data goes on for a page.
        result["status"] = "configuration"
        result["reason"] = "GPAW's data are not whole: " + str(error).strip().splitlines()[0]
    result["wall_seconds"] = time.time() - began
    if world.rank == 0:
        Path("gpaw_result.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
