"""Section on the final model: its errors, a systematic offset, whether its committee warns, and its MD against reference MD."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mlip_interfaces.books.run import (
    FRAMES_ARRAYS,
    FRAMES_FILE,
    HELD_OUT,
    OWN_MD,
    PARITY_ARRAYS,
    PARITY_FILE,
    REFERENCE_FILE,
    REFERENCE_MD,
    VALIDATION_FILE,
    VIRIAL_ARRAYS,
    DeviationAgainstError,
    EnergyOffset,
    ErrorTable,
    FinalModel,
    OwnMDRun,
    ReferenceComparison,
    SystemErrors,
    TwoMeans,
    Validation,
    read_optional_book,
)
from mlip_interfaces.choices import BACKEND_LABELS
from mlip_interfaces.figures import Figure, validation_plots
from mlip_interfaces.files import read_arrays
from mlip_interfaces.observables.results import measured
from mlip_interfaces.report.parts import PageSection, Picture, Table
from mlip_interfaces.run.stages import given_model

MakePicture = Callable[[Figure, str, str], Picture]
"""Called with the figure, its name and its caption."""

_AGAIN = "delete the folder `validation` and run its stage again"
_SETS = {
    HELD_OUT: "held-out labels",
    OWN_MD: "snapshots of the model's own MD",
    REFERENCE_MD: "frames of MD with the labelling method",
}


def model_section(run: Path, picture: MakePicture) -> PageSection:
    """The final model against labels that its training has not seen, and against MD with the labelling method.

    Parameters
    ----------
    run : Path
        The run folder.
    picture : callable
        Saves a figure.

    Returns
    -------
    PageSection
        Saying so where no model has been validated; what an older version did not measure is left out.

    Raises
    ------
    InputFileError
        If the errors' file is damaged.
    """
    section = PageSection("model", "Deep Potential against held-out labels")
    folder = run / "validation"
    validation = read_optional_book(Validation, folder / VALIDATION_FILE)
    if validation is None:
        given = given_model(run)
        section.absent = (
            f"The potential was given: {given}. There are no labels here to measure its errors by."
            if given
            else "The final model has not been validated."
        )
        return section
    training = validation.training
    section.paragraphs.append(
        f"{made_sentence(validation.model)} Trained on {training.n_frames} frames for {training.steps} steps (from a committee "
        f"member); tested on {validation.n_frames} frames that no training saw."
    )
    if validation.model.agreement is not None:
        section.points.append(f"LAMMPS against Python: {validation.model.agreement}.")
    section.points += sentences(validation)
    _add_figures(section, folder, validation, picture)
    section.tables += _tables(validation)
    return section


def made_sentence(model: FinalModel) -> str:
    """What made a model, and what it is.

    Parameters
    ----------
    model : FinalModel
        The final model.

    Returns
    -------
    str
        Backend, kind, whether it is compressed, and the trained model that it began with.
    """
    backend = BACKEND_LABELS.get(model.backend, model.backend)
    end = f"not compressed: {model.not_compressed}" if model.not_compressed else "compressed"
    start = f" Its first committee started from the trained model {model.started_from}." if model.started_from else ""
    return f"A model of kind {model.kind}, made by DeePMD-kit's {backend} backend, frozen and {end}.{start}"


def sentences(validation: Validation) -> list[str]:
    """What a validation found, beside its numbers.

    Parameters
    ----------
    validation : Validation
        As measured.

    Returns
    -------
    list of str
        On offsets, on the model's own MD, on the committee, and on reference MD.
    """
    found = [*offset_sentences(validation), *_own_md_sentences(validation.own_md)]
    if validation.deviation is not None:
        found.append(deviation_sentence(validation.deviation))
    return found + ([] if validation.reference is None else reference_sentences(validation.reference))


def offset_sentences(validation: Validation) -> list[str]:
    """What energy errors have in common, where that is more than their scatter.

    Parameters
    ----------
    validation : Validation
        As measured.

    Returns
    -------
    list of str
        A sentence for each set of labels with an offset, and one where systems are off each in its own way.
    """
    sentences = []
    for name, table in validation.sets.items():
        if table.offset is not None and table.offset.dominates:
            sentences.append(_offset_sentence(table.offset, _SETS.get(name, name)))
    own = {name: one.offset for name, one in validation.systems.items() if one.offset and one.offset.dominates}
    if own:
        low, high = (f(own, key=lambda name: own[name].mean_mev_per_atom) for f in (min, max))
        if own[low].mean_mev_per_atom < 0 < own[high].mean_mev_per_atom:
            sentences.append(
                f"Energies are off on both sides, each system by its own: {_offset(own[low])} meV/atom on {low}, "
                f"{_offset(own[high])} on {high}. Differences of energy between such states are wrong by as much."
            )
    return sentences


def _offset_sentence(offset: EnergyOffset, labels: str) -> str:
    ends = sorted((abs(offset.lowest_mev_per_atom), abs(offset.highest_mev_per_atom)))
    side = "above" if offset.mean_mev_per_atom > 0 else "below"
    rest = f"{offset.rmse_without_mev_per_atom:.1f} meV/atom are left without the offset"
    if offset.one_sided:
        return (
            f"Systematic energy offset: all {offset.n_frames} energies of {labels} lie {ends[0]:.0f} to {ends[1]:.0f} meV/atom {side} "
            f"their labels, {_offset(offset)} on average; {rest}."
        )
    return (
        f"Systematic energy offset: E(model) - E(label) of {labels} is {_offset(offset)} meV/atom on average over {offset.n_frames} frames; "
        f"{rest}."
    )


def _offset(offset: EnergyOffset) -> str:
    sign = "+" if offset.mean_mev_per_atom > 0 else ""
    return f"{sign}{measured(offset.mean_mev_per_atom, offset.standard_error_mev_per_atom)}"


def _own_md_sentences(runs: Sequence[OwnMDRun]) -> list[str]:
    densities = [
        f"{run.structure} from {run.density_start_g_per_cm3:.2f} to {run.density_mean_g_per_cm3:.2f}"
        for run in runs
        if run.density_start_g_per_cm3 is not None and run.density_mean_g_per_cm3 is not None
    ]
    ends = (
        f"Density in the model's own MD, in g/cm³ at the start and over the second half of {runs[0].asked_ps:.3g} ps: "
        if runs
        else ""
    )
    return [f"{ends}{', '.join(densities)}."] * bool(densities) + [
        f"The model's own MD of {run.structure} ended after {run.time_ps:.3g} of {run.asked_ps:.3g} ps or left its bounds: "
        f"{'; '.join(run.reasons)}. Its {run.n_snapshots} snapshots are from before."
        for run in runs
        if run.reasons
    ]


def deviation_sentence(found: DeviationAgainstError) -> str:
    """Whether the committee's deviation warns of errors.

    Parameters
    ----------
    found : DeviationAgainstError
        As measured.

    Returns
    -------
    str
        A sentence.
    """
    rank = f"rank correlation {found.spearman:.2f}, 95 % interval {found.low:.2f} to {found.high:.2f}, {found.n_frames} frames"
    sizes = (
        f"on average it is {found.mean_deviation_ev_per_angstrom:.2f} eV/Å where the largest error is "
        f"{found.mean_error_ev_per_angstrom:.2f}"
    )
    if found.warns:
        return f"The committee's deviation warns of force errors: larger ones go with larger errors ({rank}); {sizes}."
    return f"The committee's deviation does not warn of force errors here ({rank}); {sizes}."


def reference_sentences(found: ReferenceComparison) -> list[str]:
    """What MD with the labelling method and with the model have in common.

    Parameters
    ----------
    found : ReferenceComparison
        As measured.

    Returns
    -------
    list of str
        Sentences.
    """
    if found.trouble:
        return [f"MD of {found.structure} was not compared with MD by {found.calculator}: {'; '.join(found.trouble)}."]
    runs = "one run" if found.n_runs == 1 else f"{found.n_runs} runs"
    how = (
        f"{runs} of {found.time_ps:.3g} ps at {found.temperature_kelvin:g} K of {found.structure} with each, from the same structure "
        "and velocities, by the same thermostat"
    )
    sentences = []
    if found.intact is not None:
        verdict = "they differ" if found.intact.differ else "no difference beyond two standard errors"
        sentences.append(
            f"{found.unit} intact: {measured(found.intact.reference, found.intact.reference_error)} of {found.n_units} with "
            f"{found.calculator}, {measured(found.intact.model, found.intact.model_error)} with the model: {verdict} ({how})."
        )
    if found.overlaps:
        worst = min(found.overlaps, key=lambda pair: found.overlaps[pair].value)
        one = found.overlaps[worst]
        by_chance = "" if one.of_itself is None else f"; halves of the former overlap by {one.of_itself:.2f}"
        sentences.append(
            f"g(r) of MD with {found.calculator} and with the model overlap least for {worst}: {measured(one.value, one.error)} of 1"
            f"{by_chance}" + ("." if found.intact is not None else f" ({how}).")
        )
    return sentences


def _add_figures(section: PageSection, folder: Path, validation: Validation, picture: MakePicture) -> None:
    arrays = read_arrays(folder / PARITY_FILE, if_missing=_AGAIN, if_damaged=_AGAIN)
    parity = read_arrays(folder / PARITY_FILE, PARITY_ARRAYS, if_missing=_AGAIN, if_damaged=_AGAIN)
    virials = (
        (arrays[VIRIAL_ARRAYS[0]], arrays[VIRIAL_ARRAYS[1]]) if all(name in arrays for name in VIRIAL_ARRAYS) else None
    )
    figure = validation_plots.parity(*(parity[name] for name in PARITY_ARRAYS), virials=virials)
    caption = (
        f"Model against label for {validation.n_frames} held-out frames, of all atoms and of those of each layer. Where points are "
        "many, the colour says how many lie there."
    )
    section.figures.append(picture(figure, "parity", caption))
    if (folder / FRAMES_FILE).is_file():
        frames = _frames(folder / FRAMES_FILE)
        caption = (
            "Energy errors with their sign: points that lie on one side are an offset, a slope is a wrong dependence on the volume. "
            "Markers tell the sets of labels apart."
        )
        section.figures.append(picture(validation_plots.signed_energy_errors(frames), "energy-errors", caption))
        known = [one for one in frames if np.isfinite(one.deviation_ev_per_angstrom).any()]
        if known and validation.deviation is not None:
            caption = (
                f"Whether the deviation of the {validation.deviation.n_members} networks of the last committee warns of force errors, a "
                "point for each frame; below the line the deviation is larger than the error."
            )
            figure = validation_plots.deviation_against_error(known)
            section.figures.append(picture(figure, "deviation-against-error", caption))
    reference = validation.reference
    if reference is not None and not reference.trouble and (folder / REFERENCE_FILE).is_file():
        caption = (
            f"MD of {reference.structure} with {reference.calculator} and with the model, {reference.temperature_kelvin:g} K, "
            f"{reference.time_ps:.3g} ps; bands are standard errors from blocks of time."
        )
        section.figures.append(picture(_reference_figure(folder / REFERENCE_FILE, reference), "reference-md", caption))


def _frames(file: Path) -> list[validation_plots.FrameErrors]:
    arrays = read_arrays(file, FRAMES_ARRAYS, if_missing=_AGAIN, if_damaged=_AGAIN)
    systems = arrays["system"]
    found = []
    for name in dict.fromkeys(systems.tolist()):
        of_it = systems == name
        found.append(
            validation_plots.FrameErrors(
                name=name,
                labels=str(arrays["set"][of_it][0]),
                volume_per_atom_angstrom3=arrays["volume_per_atom_angstrom3"][of_it],
                energy_error_mev_per_atom=arrays["energy_error_mev_per_atom"][of_it],
                deviation_ev_per_angstrom=arrays["deviation_ev_per_angstrom"][of_it],
                max_force_error_ev_per_angstrom=arrays["max_force_error_ev_per_angstrom"][of_it],
            )
        )
    return found


def _reference_figure(file: Path, reference: ReferenceComparison) -> Figure:
    arrays = read_arrays(file, if_missing=_AGAIN, if_damaged=_AGAIN)
    curves = {
        pair: validation_plots.TwoCurves(
            arrays[f"{pair}/labels"], arrays[f"{pair}/labels/error"], arrays[f"{pair}/model"], arrays[f"{pair}/model/error"]
        )
        for pair in reference.overlaps
    }  # fmt: skip
    return validation_plots.against_reference_md(
        arrays["r_angstrom"],
        curves,
        called=(reference.calculator, "the model"),
        time_ps=arrays["time_ps"],
        intact=(arrays["intact/labels"], arrays["intact/model"]) if reference.intact is not None else None,
        unit=reference.unit,
    )


def _tables(validation: Validation) -> list[Table]:
    sets: Mapping[str, ErrorTable] = validation.sets or {HELD_OUT: validation}
    head = ["", "energy RMSE (meV/atom)", "force RMSE (meV/Å)", "virial RMSE (meV/atom)", "stress RMSE (GPa)", "over"]
    rows = []
    for name, table in sets.items():
        of_virial = [
            _with_mae(table.virial_rmse_mev_per_atom, table.virial_mae_mev_per_atom, 1),
            _number(table.stress_rmse_gpa, 2),
        ]
        rows.append(
            [_SETS.get(name, name), _with_mae(table.energy_rmse_mev_per_atom, table.energy_mae_mev_per_atom, 1),
             _with_mae(table.force_rmse_mev_per_angstrom, table.force_mae_mev_per_angstrom, 0), *of_virial,
             f"{table.n_frames} frames"]
        )  # fmt: skip
        for kind, parts in (("layer", table.layers), ("element", table.elements)):
            rows += [
                [
                    f"– {kind} {part}",
                    "",
                    f"{one.force_rmse_mev_per_angstrom:.0f}",
                    "",
                    "",
                    f"{one.n_atoms} forces on atoms",
                ]
                for part, one in parts.items()
            ]
    errors = Table(
        head,
        rows,
        "Errors by set of labels, and of forces by layer and by element; in brackets the mean absolute error",
    )
    systems = Table(
        ["system", "composition", "volume per atom (Å³)", "energy offset (meV/atom)", "energy RMSE", "without offset",
         "force RMSE (meV/Å)", "virial RMSE (meV/atom)", "pressure offset (GPa)", "over"],
        [_system_row(name, one) for name, one in validation.systems.items()],
        "Each system: what all its energies are off by (model less label), and what is left without that",
    )  # fmt: skip
    tables = [errors, systems]
    if validation.reference is not None and not validation.reference.trouble:
        tables.append(_reference_table(validation.reference))
    return tables


def _system_row(name: str, one: SystemErrors) -> list[str]:
    return [
        name, one.composition, _number(one.volume_per_atom_angstrom3, 2), _offset(one.offset) if one.offset else "",
        f"{one.energy_rmse_mev_per_atom:.1f}", _number(one.offset.rmse_without_mev_per_atom, 1) if one.offset else "",
        f"{one.force_rmse_mev_per_angstrom:.0f}", _number(one.virial_rmse_mev_per_atom, 1),
        _number(one.pressure_mean_error_gpa, 2, signed=True), f"{one.n_frames} frames",
    ]  # fmt: skip


def _reference_table(found: ReferenceComparison) -> Table:
    rows = [
        [
            f"g(r) {pair}",
            "",
            "",
            measured(one.value, one.error),
            "" if one.of_itself is None else f"{one.of_itself:.2f}",
        ]
        for pair, one in found.overlaps.items()
    ]
    if found.intact is not None:
        rows.append(_means_row(f"intact {found.unit}, of {found.n_units}", found.intact))
    rows += [_means_row(f"bonds {bond}", means) for bond, means in found.bonds.items()]
    return Table(
        ["", found.calculator, "the model", "overlap, of 1", "overlap of its halves"],
        rows,
        f"MD of {found.structure} with {found.calculator} and with the model, means over {found.n_frames} frames of each",
    )


def _means_row(name: str, means: TwoMeans) -> list[str]:
    return [name, measured(means.reference, means.reference_error), measured(means.model, means.model_error), "", ""]


def _with_mae(rmse: float | None, mae: float | None, digits: int) -> str:
    return _number(rmse, digits) + ("" if mae is None else f" ({mae:.{digits}f})")


def _number(value: float | None, digits: int, *, signed: bool = False) -> str:
    return "" if value is None else f"{value:{'+' if signed else ''}.{digits}f}"
