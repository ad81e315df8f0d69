"""A region's part of ``onsager.json`` and its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlip_interfaces.analysis.region_transport import PlaneFlux
from mlip_interfaces.pipeline.region_analysis import RegionRequest, RegionResult

PLANES = ("lower", "upper", "inside")


def region_definition(request: RegionRequest | None) -> dict[str, Any] | None:
    """What was asked for; None without a region."""
    if request is None:
        return None
    asked: dict[str, Any] = {"along": "c", "tagged": "atoms inside at the start of each window"}
    if request.layer is not None:
        return asked | {"layer": request.layer}
    if request.fraction is not None:
        return asked | {"fraction": list(request.fraction)}
    assert request.angstrom is not None
    origin = "/".join(request.interface) if request.interface is not None else "corner of the cell"
    return asked | {"angstrom": list(request.angstrom), "from": origin}


def region_content(found: RegionResult, species: Sequence[str]) -> dict[str, Any]:
    """``windows`` (what each adds to the coefficients of a window) and ``region`` (fluxes through its planes)."""
    windows = []
    for window, height in zip(found.windows, found.heights_angstrom.tolist(), strict=True):
        windows.append(
            {
                "region": {
                    "low_fraction": window.slab.low,
                    "width_fraction": window.slab.width,
                    "low_angstrom": window.slab.low * height,
                    "thickness_angstrom": window.slab.width * height,
                    "volume_angstrom3": window.volume_angstrom3,
                    "n_atoms": dict(zip(species, window.n_atoms.tolist(), strict=True)),
                    "survivors": dict(zip(species, window.survivors.tolist(), strict=True)),
                }
            }
        )
    fluxes = found.fluxes
    region: dict[str, Any] = {
        "time_start_ps": fluxes.time_start_ps.tolist(),
        "time_end_ps": fluxes.time_end_ps.tolist(),
        "n_start": fluxes.n_start.tolist(),
        "n_end": fluxes.n_end.tolist(),
    }
    return {"windows": windows, "region": region | {name: _plane(getattr(fluxes, name), species) for name in PLANES}}


def _plane(plane: PlaneFlux, species: Sequence[str]) -> dict[str, Any]:
    return {
        "passages": plane.passages.tolist(),
        "flux_per_angstrom2_ps": plane.flux_per_angstrom2_ps.tolist(),
        "error_per_angstrom2_ps": plane.error_per_angstrom2_ps.tolist(),
        "zero_within_2_sigma_since_ps": dict(zip(species, plane.zero_since_ps, strict=True)),
    }


def region_rows(content: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Columns and rows of ``onsager_region.csv``."""
    region = content["region"]
    rows = [
        (
            f"{start:.6g}", f"{stop:.6g}", name, region["n_start"][k][i], region["n_end"][k][i],
            *(
                text
                for plane in PLANES
                for text in (
                    f"{region[plane]['passages'][k][i]:.6g}",
                    f"{region[plane]['flux_per_angstrom2_ps'][k][i]:.6g}",
                    f"{region[plane]['error_per_angstrom2_ps'][k][i]:.4g}",
                )
            ),
        )
        for k, (start, stop) in enumerate(zip(region["time_start_ps"], region["time_end_ps"], strict=True))
        for i, name in enumerate(content["species"])
    ]  # fmt: skip
    columns = ("time_start_ps", "time_end_ps", "species", "n_start", "n_end") + tuple(
        column
        for plane in PLANES
        for column in (f"{plane}_passages", f"{plane}_flux_per_angstrom2_ps", f"{plane}_error_per_angstrom2_ps")
    )
    return columns, rows
