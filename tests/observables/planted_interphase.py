"""Planted stacks of phases on one square lattice: who is where is known, noise comes on top. The benchmark makes large ones of it too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

CELL = 5.875
"""Lattice constant of all blocks across the stack, angstrom."""

ROOM = 1.5
"""Between a crystal of units, which no plane cuts, and its neighbours, angstrom."""

FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]) + 0.375
TETRAHEDRAL = np.array([[x, y, z] for x in (0.125, 0.625) for y in (0.125, 0.625) for z in (0.125, 0.625)])
OCTAHEDRAL = (FCC + 0.5) % 1.0
CORNERS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3.0)

Block = tuple[list[str], np.ndarray, float]
"""Elements and places (angstrom) of a block, and its height."""

LI2S: Block = (["S"] * 4 + ["Li"] * 8, np.concatenate([FCC, TETRAHEDRAL]) * CELL, CELL)
LI3P: Block = (["P"] * 4 + ["Li"] * 12, np.concatenate([FCC, TETRAHEDRAL, OCTAHEDRAL]) * CELL, CELL)
# Dumbbells of 2.25 angstrom in the planes of S in Li2S, so that both begin at the same height: one bond for each P, x = 2.
_DUMBBELLS = np.array([[0.635, 0.635, 0.375], [0.365, 0.365, 0.375], [0.635, 0.365, 0.875], [0.365, 0.635, 0.875]])
_LITHIUM = np.array([[0.0, 0.5, 0.125], [0.0, 0.5, 0.625]])
LIXP: Block = (["P"] * 4 + ["Li"] * 2, np.concatenate([_DUMBBELLS, _LITHIUM]) * CELL, CELL)
LITHIUM: Block = (["Li"] * 2, np.array([[0.25, 0.25, 0.25], [0.75, 0.75, 0.75]]) * 3.51, 3.51)


def li7p3s11(across: int, n_cells: int) -> Block:
    """The crystal with its a and b in the layer: 4 a by (2 b + a) to every four cells across; units stay rigid under the small strain."""
    from ase import Atoms
    from ase.build import make_supercell

    from mlip_interfaces.structures import load_crystal

    crystal = make_supercell(load_crystal("Li7P3S11"), [[across, 0, 0], [across // 4, across // 2, 0], [0, 0, n_cells]])
    crystal = Atoms(
        crystal.symbols, cell=crystal.cell.cellpar(), scaled_positions=crystal.get_scaled_positions(), pbc=True
    )
    height = float(crystal.cell[2, 2])
    symbols, width = np.array(crystal.get_chemical_symbols()), across * CELL
    vectors = crystal.get_all_distances(mic=True, vector=True)
    bonded = (np.linalg.norm(vectors, axis=2) < 2.4) & (symbols[:, None] == "P") & (symbols == "S")
    owner, offset = np.arange(len(symbols)), np.zeros((len(symbols), 3))
    for p, s in zip(*np.nonzero(bonded), strict=True):
        if owner[s] == s:
            owner[s], offset[s] = owner[p], offset[p] + vectors[p, s]
        elif owner[s] != owner[p]:
            # The bridging S of P2S7 was given to the first P; so is the second P with all that it owns.
            moved = owner == owner[p]
            offset[moved] += offset[s] - vectors[p, s] - offset[p]
            owner[moved] = owner[s]
    # The tilt of c is no strain of a layer; that of b is.
    strain = np.diag([width / crystal.cell[0, 0], width / crystal.cell[1, 1], 1.0])
    strain[1, 0] = -crystal.cell[1, 0] / crystal.cell[1, 1] * strain[0, 0]
    places = crystal.positions[owner] @ strain + offset
    # Units reach over the planes of the cut.
    return symbols.tolist(), places + [0.0, 0.0, ROOM], height + 2.0 * ROOM


def stacked(
    layers: Sequence[tuple[Callable[[np.random.Generator], Block], int]], across: int = 4, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[float]]:
    """Elements, places and cell of layers of blocks, and the planes between the layers.

    A layer is what gives a block, asked for every block of it, and the number of blocks along the stack.
    """
    rng = np.random.default_rng(seed)
    symbols: list[str] = []
    places: list[np.ndarray] = []
    planes = [0.0]
    for block_of, n_blocks in layers:
        for _ in range(n_blocks):
            height = 0.0
            first = block_of(rng)
            if first[1][:, :2].max() > 1.5 * CELL:
                kinds, inside, height = first
                symbols += kinds
                places.append(inside + [0.0, 0.0, planes[-1]])
            elif first is LITHIUM:
                n = round(across * CELL / 3.51)
                width = across * CELL / n
                for u in range(n):
                    for v in range(n):
                        kinds, inside, height = first
                        symbols += kinds
                        places.append(inside * [width / 3.51, width / 3.51, 1.0] + [u * width, v * width, planes[-1]])
            else:
                for u in range(across):
                    for v in range(across):
                        kinds, inside, height = block_of(rng)
                        symbols += kinds
                        places.append(inside + [u * CELL, v * CELL, planes[-1]])
            planes[-1] += height
        planes.append(planes[-1])
    planes.pop()
    cell = np.diag([across * CELL, across * CELL, planes[-1]])
    return np.array(symbols), np.concatenate(places), cell, [0.0, *planes]


def only(block: Block) -> Callable[[np.random.Generator], Block]:
    """A layer of one kind of block."""
    return lambda rng: block


def mixed(first: Block, second: Block, share: float) -> Callable[[np.random.Generator], Block]:
    """A layer of two kinds at random, with the share of the first."""
    return lambda rng: first if rng.random() < share else second


def shaken(places: np.ndarray, n_frames: int, sigma: float = 0.1, seed: int = 1) -> np.ndarray:
    """Frames with independent Gaussian noise on every coordinate."""
    rng = np.random.default_rng(seed)
    return places + rng.normal(0.0, sigma, (n_frames, *places.shape))


def four_layers(across: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[float]]:
    """Li | Li3P + LixP | Li2S | LixP-rich + Li2S | Li7P3S11."""
    crystal = li7p3s11(across, 2)
    return stacked(
        [
            (only(LITHIUM), 6),
            (mixed(LI3P, LIXP, 0.4), 3),
            (only(LI2S), 3),
            (mixed(LIXP, LI2S, 0.75), 4),
            (only(crystal), 1),
        ],
        across,
        seed,
    )


def growing(
    thicknesses: Sequence[float], across: int = 4, n_blocks: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames of Li | Li2S + Li3P | Li3PS4: blocks turn from one to the other by moving S alone, so that no atom is added."""
    lithium, places, cell, _ = stacked([(only(LITHIUM), 4)], across)
    base = cell[2, 2]
    center = OCTAHEDRAL[1:2] * CELL
    cations = np.concatenate([TETRAHEDRAL, OCTAHEDRAL[[0, 2, 3]]]) * CELL
    reacted, whole = FCC * CELL, center + 2.05 * CORNERS
    blocks = [(u, v, w) for w in range(n_blocks) for u in range(across) for v in range(across)]
    origins = np.array(blocks) * CELL + [0.0, 0.0, base]
    symbols = lithium.tolist() + (["P"] + ["Li"] * 11 + ["S"] * 4) * len(blocks)
    frames = []
    for thickness in thicknesses:
        n_reacted = round(thickness / CELL * across**2)
        parts = [
            np.concatenate([center, cations, reacted if k < n_reacted else whole]) + origin
            for k, origin in enumerate(origins)
        ]
        frames.append(np.concatenate([places, *parts]))
    return np.array(symbols), np.array(frames), np.diag([cell[0, 0], cell[1, 1], base + n_blocks * CELL])
