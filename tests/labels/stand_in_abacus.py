"""A stand-in for ABACUS: reads its three inputs strictly and writes a small log.

Energy, forces and stress as in the stand-in for VASP. STAND_IN_MODE says how to fail.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

NUMBERS = {"Li": 3, "O": 8, "F": 9, "P": 15, "S": 16, "Cl": 17, "Co": 27}
TAGS = {
    "suffix", "calculation", "ntype", "basis_type", "pseudo_dir", "orbital_dir", "dft_functional", "ecutwfc", "nspin",
    "gamma_only", "symmetry", "smearing_method", "smearing_sigma", "scf_thr", "scf_nmax", "mixing_type", "mixing_beta",
    "mixing_ndim", "cal_force", "cal_stress", "dft_plus_u", "orbital_corr", "hubbard_u",
}  # fmt: skip
SECTIONS = ["ATOMIC_SPECIES", "NUMERICAL_ORBITAL", "LATTICE_CONSTANT", "LATTICE_VECTORS", "ATOMIC_POSITIONS"]
BOHR = 0.52917721


def refuse(sentence: str) -> None:
    print(f"!!! {sentence}")
    sys.exit(1)


def read_input() -> dict[str, str]:
    first, *lines = Path("INPUT").read_text().splitlines()
    if first != "INPUT_PARAMETERS":
        refuse("INPUT must begin with INPUT_PARAMETERS")
    tags = {}
    for line in lines:
        tag, value = line.split(maxsplit=1)
        if tag not in TAGS or tag in tags:
            refuse(f"THE PARAMETER NAME '{tag}' IS NOT USED!")
        tags[tag] = value
    return tags


def read_stru() -> tuple[list[str], list[str], list[list[float]], list[tuple[str, list[float]]]]:
    blocks: dict[str, list[str]] = {}
    for line in Path("STRU").read_text().splitlines():
        if line.strip() in SECTIONS:
            blocks[line.strip()] = current = []
        elif line.strip():
            current.append(line.strip())
    if list(blocks) != SECTIONS:
        refuse("STRU lacks a section")
    species = [line.split()[0] for line in blocks["ATOMIC_SPECIES"]]
    files = [line.split()[2] for line in blocks["ATOMIC_SPECIES"]] + blocks["NUMERICAL_ORBITAL"]
    if len(blocks["NUMERICAL_ORBITAL"]) != len(species):
        refuse("as many orbital files as species")
    scale = float(blocks["LATTICE_CONSTANT"][0]) * BOHR
    cell = [[scale * float(x) for x in line.split()] for line in blocks["LATTICE_VECTORS"]]
    kind, *rest = blocks["ATOMIC_POSITIONS"]
    atoms = []
    for symbol in species:
        name, _moment, count, *rest = rest
        if kind != "Direct" or name != symbol:
            refuse(f"{name} stands where {symbol} should")
        for line in rest[: int(count)]:
            row = [float(x) for x in line.split()[:3]]
            atoms.append((symbol, [sum(row[k] * cell[k][axis] for k in range(3)) for axis in range(3)]))
        rest = rest[int(count) :]
    if rest:
        refuse("atoms of no species")
    return species, files, cell, atoms


def main() -> None:
    mode = os.environ.get("STAND_IN_MODE", "ok")
    tags, (species, files, _, atoms) = read_input(), read_stru()
    if int(tags["ntype"]) != len(species) or tags["calculation"] != "scf" or tags["cal_stress"] != "1":
        refuse("INPUT and STRU do not agree")
    for file, key in zip(files, ["pseudo_dir"] * len(species) + ["orbital_dir"] * len(species), strict=True):
        if not (Path(tags[key]) / file).is_file():
            refuse(f"{file} is missing")
    if Path("KPT").read_text().split()[:3] != ["K_POINTS", "0", "Gamma"]:
        refuse("KPT")
    with_u = tags.get("dft_plus_u") == "1"
    levels, u = tags.get("orbital_corr", "").split(), tags.get("hubbard_u", "").split()
    if (len(levels), len(u)) != ((len(species),) * 2 if with_u else (0, 0)):
        refuse("orbital_corr and hubbard_u must be as long as the species")
    if any((level == "-1") != (float(value) == 0) for level, value in zip(levels, u, strict=True)):
        refuse("U without a shell")
    if mode == "hang":
        time.sleep(60)
    if mode == "crash":
        print("Segmentation fault")
        sys.exit(139)
    output = Path("OUT.ABACUS")
    output.mkdir()
    log = output / "running_scf.log"
    if mode in ("empty", "garbage"):
        log.write_text("" if mode == "empty" else "charge density convergence is achieved\n\x00\x01")
        return
    values = dict(zip(species, map(float, u), strict=True)) if with_u else {}
    energy = sum(values.get(symbol, 0.0) - NUMBERS[symbol] for symbol, _ in atoms)
    converged = mode != "unconverged" and (mode != "second" or tags["mixing_beta"] == "0.1")
    lines = ["                              ABACUS v3.10.1", "    Processor Number is 4", ""]
    if converged:
        lines += [" charge density convergence is achieved", f" final etot is {energy:.11f} eV"]
    else:
        lines.append(" !! convergence has not been achieved @_@")
    rule = "-" * 82
    lines += [rule, " TOTAL-FORCE (eV/Angstrom)", rule]
    count = dict.fromkeys(species, 0)
    for symbol, position in atoms:
        count[symbol] += 1
        force = "nan" if mode == "nan" else f"{NUMBERS[symbol]:.10f}"
        lines.append(f"{symbol + str(count[symbol]):>24} {force} {0.1 * position[1]:18.10f} {0.1 * position[2]:18.10f}")
    lines += [rule, " TOTAL-STRESS (KBAR)", rule]
    lines += [f"{row[0]:18.10f} {row[1]:18.10f} {row[2]:18.10f}" for row in ((10, 1, 3), (1, 20, 2), (3, 2, 30))]
    lines += [rule, " TOTAL-PRESSURE: 20.000000 KBAR", f" !FINAL_ETOT_IS {energy:.13f} eV"]
    log.write_text("\n".join(lines) + "\n")


main()
