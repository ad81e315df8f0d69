"""Stands in for ``lmp`` where a test is about folders and not about motion: a walk that follows from all that the command names.

It keeps LAMMPS' contract with ``interface_md.in``: frames, table, log, a checkpoint that is gone on from, a last state. Where a
file ``kill_at`` lies beside the deck, it is killed after as many frames of its own as that says, and the file goes.
"""

import hashlib
import json
import os
import signal
import struct
import sys
from pathlib import Path

COLUMNS = (
    "time_ps,temperature_kelvin,pressure_bar,density_g_per_cm3,potential_energy_ev,min_distance_angstrom,a_angstrom,b_angstrom,"
    "c_angstrom,alpha_degrees,beta_degrees,gamma_degrees"
)
LENGTH = 12.0


def main() -> None:
    words = sys.argv[1:]
    deck = Path(words[words.index("-in") + 1])
    given = {words[i + 1]: words[i + 2] for i, word in enumerate(words) if word == "-var"}
    n_atoms = int(
        next(line.split()[0] for line in Path(given["data"]).read_text().splitlines() if line.split()[1:] == ["atoms"])
    )
    motion = {name: given[name] for name in ("ensemble", "cell", "temperature", "px", "py", "pz", "timestep", "seed")}
    files = [Path(given[name]).read_bytes() for name in ("data", "potential")]
    key = hashlib.sha256(json.dumps(motion).encode() + b"".join(files)).digest()
    steps, every = int(given["steps"]), int(given["dump_every"])
    first, state = 0, 0
    if Path("md.restart").is_file():
        kept = json.loads(Path("md.restart").read_text())
        first, state = kept["step"], kept["state"]
    piece = f".{first}" if Path("md.restart").is_file() else ""
    Path("start.in").write_text("# of the start\n")
    left = int((deck.parent / "kill_at").read_text()) if (deck.parent / "kill_at").is_file() else -1
    with open(f"traj{piece}.dcd", "wb") as frames, open(f"thermo{piece}.csv", "w") as table:
        frames.write(header(n_atoms, first, first + (steps - first) // every * every, every))
        table.write(f"{COLUMNS}\n")
        for step in range(first, steps + 1):
            if step % every == 0:
                frames.write(frame(n_atoms, state))
                frames.flush()
                table.write(
                    f"{step * float(given['timestep']):g},{given['temperature']},1,2,{state},1.9,12,12,12,90,90,90\n"
                )
                table.flush()
                if step > 0:
                    Path("md.restart").write_text(json.dumps({"step": step, "state": state}))
                if left == 0:
                    (deck.parent / "kill_at").unlink()
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1
            state = int.from_bytes(hashlib.sha256(key + str(state).encode()).digest()[:4], "big")
    with open("log.lammps", "a") as log:
        log.write("Total wall time: 0:00:00\n")


def record(content: bytes) -> bytes:
    size = struct.pack("<i", len(content))
    return size + content + size


def header(n_atoms: int, first: int, last: int, every: int) -> bytes:
    numbers = [0] * 20
    numbers[0], numbers[1], numbers[2], numbers[3], numbers[19] = (last - first) // every + 1, first, every, last, 24
    # The time step as the bits of a number in single precision, and that each frame has a cell.
    (numbers[9],), numbers[10] = struct.unpack("<i", struct.pack("<f", 0.01)), 1
    return (
        record(b"CORD" + struct.pack("<20i", *numbers))
        + record(struct.pack("<i", 2) + b" " * 160)
        + record(struct.pack("<i", n_atoms))
    )


def frame(n_atoms: int, state: int) -> bytes:
    """A simple cubic lattice with a small step of each atom that the state decides."""
    n = round((n_atoms + 0.5) ** (1 / 3)) + 1
    axes = []
    for axis in range(3):
        places = ((i // n**axis) % n * LENGTH / n + (state * (i + 7 * axis + 1) % 997) / 5000 for i in range(n_atoms))
        axes.append(record(struct.pack(f"<{n_atoms}f", *places)))
    cell = record(struct.pack("<6d", LENGTH, 0.0, LENGTH, 0.0, 0.0, LENGTH))
    return cell + b"".join(axes)


if __name__ == "__main__":
    main()
