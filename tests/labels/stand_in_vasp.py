"""A stand-in for VASP: reads the four inputs strictly, refuses what VASP would misread, writes a small OUTCAR.

Energy: minus the sum of atomic numbers, plus U times the number of atoms that U acts on, eV. Force on an atom: its atomic
number and 0.1 times its y and z coordinates, eV/angstrom. Stress: as `PRESSURE_KBAR`. STAND_IN_MODE says how to fail.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

NUMBERS = {"Li": 3, "O": 8, "F": 9, "P": 15, "S": 16, "Cl": 17, "Co": 27}
TAGS = {
    "SYSTEM",
    "PREC",
    "ENCUT",
    "EDIFF",
    "ISPIN",
    "GGA",
    "ISMEAR",
    "SIGMA",
    "LREAL",
    "ALGO",
    "NELM",
    "LASPH",
    "IBRION",
    "NSW",
    "ISIF",
    "LWAVE",
    "LCHARG",
    "LMAXMIX",
    "LDAU",
    "LDAUTYPE",
    "LDAUL",
    "LDAUU",
    "LDAUJ",
    "MAGMOM",
    "TIME",
    "AMIX",
    "BMIX",
    "NCORE",
}
PRESSURE_KBAR = (10.0, 20.0, 30.0, 1.0, 2.0, 3.0)  # xx yy zz xy yz zx

PARTS = ("Alpha Z", "Ewald", "Hartree", "E(xc)", "Local", "n-local", "augment", "Kinetic", "Fock")


def refuse(sentence: str) -> None:
    print(f"VERY BAD NEWS: {sentence}")
    sys.exit(2)


def read_incar() -> dict[str, str]:
    tags = {}
    for line in Path("INCAR").read_text().splitlines():
        tag, equals, value = (part.strip() for part in line.partition("="))
        if not equals or tag not in TAGS or tag in tags or not value:
            refuse(f"INCAR line '{line}'")
        tags[tag] = value
    return tags


def read_poscar() -> tuple[list[str], list[int], list[list[float]], list[list[float]]]:
    lines = Path("POSCAR").read_text().splitlines()
    scale = float(lines[1])
    cell = [[scale * float(x) for x in line.split()] for line in lines[2:5]]
    species, counts = lines[5].split(), [int(x) for x in lines[6].split()]
    if len(species) != len(counts) or len(set(species)) != len(species) or lines[7].strip() != "Direct":
        refuse("POSCAR must be grouped by element, in direct coordinates")
    if lines[0].split() != [f"{s}{n}" for s, n in zip(species, counts, strict=True)]:
        refuse("the title is not the formula")
    rows = [[float(x) for x in line.split()[:3]] for line in lines[8 : 8 + sum(counts)]]
    positions = [[sum(row[k] * cell[k][axis] for k in range(3)) for axis in range(3)] for row in rows]
    return species, counts, cell, positions


def check(tags: dict[str, str], species: list[str], counts: list[int], titles: list[str]) -> None:
    if [title.split()[1].split("_")[0] for title in titles] != species:
        refuse(f"POTCAR has {titles}, POSCAR has {species}")
    if Path("KPOINTS").read_text().splitlines()[2] != "Gamma":
        refuse("KPOINTS")
    if int(tags["NSW"]) != 0 or tags["ISIF"] != "2":
        refuse("not one point with its stress")
    arrays = [tag for tag in ("LDAUL", "LDAUU", "LDAUJ") if tag in tags]
    if tags.get("LDAU") == ".TRUE.":
        if arrays != ["LDAUL", "LDAUU", "LDAUJ"] or tags.get("LDAUTYPE") != "2":
            refuse("LDAU is not whole")
        if any(len(tags[tag].split()) != len(species) for tag in arrays):
            refuse("LDAU arrays are not as long as the species")
        if any(
            u != "0" and level == "-1" for level, u in zip(tags["LDAUL"].split(), tags["LDAUU"].split(), strict=True)
        ):
            refuse("U without a shell")
        if int(tags["LMAXMIX"]) < 2 * max(int(level) for level in tags["LDAUL"].split()):
            refuse("LMAXMIX is too small")
    elif arrays:
        refuse("LDAU arrays without LDAU")
    if (tags["ISPIN"] == "2") != ("MAGMOM" in tags):
        refuse("MAGMOM goes with ISPIN = 2")
    if "MAGMOM" in tags and sum(int(part.split("*")[0]) for part in tags["MAGMOM"].split()) != sum(counts):
        refuse("MAGMOM is not as long as the atoms")


def main() -> None:
    mode = os.environ.get("STAND_IN_MODE", "ok")
    tags, (species, counts, cell, positions) = read_incar(), read_poscar()
    titles = re.findall(r"TITEL\s*=\s*(.*)", Path("POTCAR").read_text())
    check(tags, species, counts, titles)
    if mode == "hang":
        time.sleep(60)
    if mode == "crash":
        print("Error EDDDAV: Call to ZHEGV failed")
        sys.exit(139)
    if mode == "empty":
        Path("OUTCAR").write_text("")
        return
    if mode == "garbage":
        Path("OUTCAR").write_text("\x00\x01 aborting loop because EDIFF is reached General timing and accounting " * 9)
        return
    symbols = [symbol for symbol, count in zip(species, counts, strict=True) for _ in range(count)]
    u = dict(zip(species, map(float, tags["LDAUU"].split()), strict=True)) if "LDAUU" in tags else {}
    energy = sum(u.get(symbol, 0.0) - NUMBERS[symbol] for symbol in symbols)
    forces = [(NUMBERS[s], 0.1 * p[1], 0.1 * p[2]) for s, p in zip(symbols, positions, strict=True)]
    converged = mode not in ("unconverged", "exhausted") and (mode != "second" or tags["ALGO"] == "All")
    n_steps = 12 if converged else int(tags["NELM"])
    cross = [
        cell[1][(k + 1) % 3] * cell[2][(k + 2) % 3] - cell[1][(k + 2) % 3] * cell[2][(k + 1) % 3] for k in range(3)
    ]
    volume = abs(sum(cell[0][k] * cross[k] for k in range(3)))
    lines = [
        " vasp.6.4.2 20Jul23 (build Jan 01 2024 00:00:00) complex",
        " running    4 mpi-ranks, with    2 threads/rank, on    1 nodes",
        *(f" POTCAR:    {title}" for title in titles),
        *(f" POTCAR:    {title}\n   TITEL  = {title}" for title in titles),
        f" POSCAR = {Path('POSCAR').read_text().splitlines()[0]:<40.40}",
        f"   NWRITE =      2    write-flag & timer\n   NELM   = {int(tags['NELM']):6d};   NELMIN=  2; NELMDL= -5     # of ELM steps",
        f"   ions per type = {' '.join(f'{n:3d}' for n in counts)}",
    ]
    for step in range(1, n_steps + 1):
        lines.append(
            f"--------------------------------------- Iteration {1:6d}({step:4d})  ---------------------------------------"
        )
        lines.append(f"  free energy    TOTEN  = {energy + 1.0 / step:18.8f} eV")
    # VASP 5 says so also when the steps are used up.
    reached = "because EDIFF is reached" if converged or mode == "exhausted" else "EDIFF was not reached (unconverged)"
    shown = "NaN" if mode == "nan" else f"{energy:18.8f}"
    lines += [
        f"------------------------ aborting loop {reached} ----------------------------------------",
        "  FORCE on cell =-STRESS in cart. coord.  units (eV):",
        "  Direction    XX          YY          ZZ          XY          YZ          ZX",
        " " + "-" * 86,
        *(f"  {part:8}" + 6 * "     0.00000" for part in PARTS),
        " " + "-" * 86,
        "  Total   " + " ".join(f"{value * volume / 1602.1766:11.5f}" for value in PRESSURE_KBAR),
        "  in kB    " + " ".join(f"{value:11.5f}" for value in PRESSURE_KBAR),
        " VOLUME and BASIS-vectors are now :",
        " -----------------------------------------------------------------------------",
        f"  energy-cutoff  :  {float(tags['ENCUT']):10.2f}",
        f"  volume of cell :  {volume:10.2f}",
        "      direct lattice vectors                 reciprocal lattice vectors",
        *("   " + " ".join(f"{x:12.9f}" for x in (*row, 0, 0, 0)) for row in cell),
        " POSITION                                       TOTAL-FORCE (eV/Angst)",
        " -----------------------------------------------------------------------------------",
        *(
            "  " + " ".join(f"{x:12.5f}" for x in p) + "   " + " ".join(f"{x:13.6f}" for x in f)
            for p, f in zip(positions, forces, strict=True)
        ),
        " -----------------------------------------------------------------------------------",
        "  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)",
        f"  free  energy   TOTEN  = {shown} eV",
        " General timing and accounting informations for this job:",
    ]
    Path("OUTCAR").write_text("\n".join(lines) + "\n")


main()
