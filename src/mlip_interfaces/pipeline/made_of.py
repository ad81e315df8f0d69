"""What each stage of a run, and each structure, is made of: hashes that change with it and with nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from mlip_interfaces.books.run import INDEX, BulkEntry, ModelEntry, StructureIndex, read_optional_book
from mlip_interfaces.config import AmorphousLayer, CrystalLayer, ModelPlan, Study
from mlip_interfaces.files import content_hash, file_hash
from mlip_interfaces.pipeline.study_files import file_hashes, put
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.stages import POTENTIAL_STAGES, given_model

LIMITS = {
    "labels": {"max_failed_fraction", "timeout_seconds", "second_attempt"},
    "exploration": {
        "healthy_failed_fraction",
        "converged_accurate_fraction",
        "max_iterations",
        "max_repeats",
        "stall_iterations",
        "max_labels",
        "max_core_hours",
    },
}
"""Keys that say how long to go on or how hard to try, not what is done: they may be changed in the middle of a run."""
KEPT_BESIDE = {"checkpoint_interval_ps", "committee_deviation_interval_ps"}
"""Of each protocol: what is kept beside the motion, and how often."""
_HOW_A_CODE_IS_STARTED = ("command", "cores", "pseudopotential_dir")
"""Of ``labels.dft``: it may be put right without making everything anew."""
SECTIONS = {
    "build": ("elements", "seed", "interface"),
    "data": ("labels", "initial_data"),
    "campaign": ("exploration", "training"),
    "train": ("training",),
    "validate": ("validation",),
    "scan": ("protocols", "health"),
    "analyze": ("analysis", "recommendation"),
    "report": ("name",),
}
"""Sections of the study that a stage depends on, besides all that its own inputs depend on. The sections `domain`
and `gates` are in none: a look at runs, or at a potential, changes none of them. `look_again` and `pass_gates` make it anew."""


@cache
def mark_of_keys() -> str:
    """Mark of all keys and defaults that a study has in this version: with others, hashes of the same study differ.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    return content_hash(Study.model_json_schema())[:16]


class StudyHashes:
    """Hashes of what a study asks for.

    Parameters
    ----------
    study : Study
        With absolute paths: what its files hold counts, not where they lie.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    @cached_property
    def content(self) -> dict[str, Any]:
        """The study as JSON has it, with hashes for the files, and without what decides nothing."""
        content = self._study.model_dump(mode="json")
        for place, digest in file_hashes(self._study).items():
            put(content, place, {"sha256": digest})
        for section, names in LIMITS.items():
            content[section] = {name: value for name, value in content[section].items() if name not in names}
        content["protocols"] = {
            name: {key: value for key, value in protocol.items() if key not in KEPT_BESIDE}
            for name, protocol in content["protocols"].items()
        }
        if content["labels"]["dft"] is not None:
            for key in _HOW_A_CODE_IS_STARTED:
                del content["labels"]["dft"][key]
        return content

    @cached_property
    def structures(self) -> dict[str, str]:
        """Of each interface model and each bulk cell, by its name."""
        interface = self._study.interface
        found = {model.name: self._model(model) for model in interface.models}
        for number, layer in enumerate(interface.layers):
            found[f"bulk-{layer.name}"] = self._bulk(number, layer)
        return found

    @cached_property
    def labelled(self) -> dict[str, str]:
        """Of the structures that are explored and labelled."""
        wanted = {*self._study.explored, *(f"bulk-{layer.name}" for layer in self._study.interface.layers)}
        wanted |= {md.structure for md in self._study.initial_data.teacher_md}
        return {name: made_of for name, made_of in self.structures.items() if name in wanted}

    @cached_property
    def data(self) -> str:
        """Of the initial data."""
        return self._of("elements", "seed", "labels", "initial_data", structures=self.labelled)

    @cached_property
    def campaign(self) -> str:
        """Of the campaign, as far as it goes."""
        exploration = {
            key: value for key, value in self.content["exploration"].items() if key != "thicknesses_angstrom"
        }
        training = {key: value for key, value in self.content["training"].items() if key != "steps_final"}
        return content_hash([self.data, list(self._study.explored), exploration, training])

    def stages(self, root: Path) -> dict[str, str]:
        """Of each stage, with what the stages before it came to in a run folder.

        Parameters
        ----------
        root : Path
            The run folder, there or not.

        Returns
        -------
        dict of str to str
            SHA-256 by name of the stage; without the stages that make a potential where one was given.
        """
        given = given_model(root)
        outcome = training_outcome(root) if given is None else ""
        train = content_hash([self.campaign, outcome, self.content["training"]["steps_final"]])
        scan = self._of(
            "protocols",
            "health",
            potential=given.sha256 if given else train,
            models={model.name: self.structures[model.name] for model in self._study.scan_models},
        )
        requests = self._study.analysis.requests
        files = {name: hashes for name, request in requests.items() if (hashes := request.file_hashes())}
        analyze = self._of("analysis", "recommendation", scan=scan, **({"files": files} if files else {}))
        hashes = {
            "build": content_hash(self.structures),
            "data": self.data,
            "campaign": self.campaign,
            "train": train,
            "validate": self._of("validation", model=train),
            "scan": scan,
            "analyze": analyze,
        }
        hashes["report"] = self._of("name", analyses=analyze, validation=hashes["validate"] if given is None else "")
        return {stage: made_of for stage, made_of in hashes.items() if given is None or stage not in POTENTIAL_STAGES}

    def held_out(self, root: Path) -> str:
        """Of the labels that the validation makes.

        Parameters
        ----------
        root : Path
            The run folder, with a finished campaign.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        return content_hash([self.campaign, training_outcome(root), self.content["validation"]["n_exploration_frames"]])

    def own_md(self, root: Path) -> str:
        """Of the final model's own MD, and of the snapshots that are labelled of it.

        Parameters
        ----------
        root : Path
            The run folder, with a finished campaign.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        asked = self.content["validation"]["own_md"]
        names = asked["structures"] if asked["structures"] is not None else self._study.explored
        structures = {name: self.structures[name] for name in names}
        return self._of("elements", "seed", asked=asked, structures=structures, model=self.stages(root)["train"])

    @property
    def reference_md(self) -> str:
        """Of the MD with the labelling method that the model is compared with; its own structure alone."""
        asked = self._study.validation.reference_md
        name = (asked.structure if asked is not None else None) or self._study.explored[0]
        # Frames that are left out of the comparison are made all the same.
        moved = {
            key: value
            for key, value in (self.content["validation"]["reference_md"] or {}).items()
            if key != "discard_ps"
        }
        return self._of("elements", "labels", asked=moved, structure=self.structures[name])

    def model_md(self, root: Path) -> str:
        """Of the same MD with the final model.

        Parameters
        ----------
        root : Path
            The run folder, with a finished campaign.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        return content_hash([self.reference_md, self.stages(root)["train"]])

    def parts_of_validation(self, root: Path) -> dict[str, str]:
        """Of each folder of the validation that stands by itself.

        Parameters
        ----------
        root : Path
            The run folder, with a finished campaign.

        Returns
        -------
        dict of str to str
            By its path in the folder of the stage; those that the study asks for.
        """
        asked, parts = self._study.validation, {"tasks": self.held_out(root)}
        if asked.own_md.n_snapshots:
            parts["own_md"] = self.own_md(root)
        if asked.reference_md is not None:
            parts |= {"reference_md/labels": self.reference_md, "reference_md/model": self.model_md(root)}
        return parts

    def _of(self, *sections: str, **more: Any) -> str:
        return content_hash({name: self.content[name] for name in sections} | more)

    def _model(self, model: ModelPlan) -> str:
        return content_hash(
            {
                "cell": self._cell(model.lateral_repeat),
                "layers": [
                    {
                        "layer": self._layer(self._study.interface.layers.index(plan.section)),
                        "thickness_angstrom": plan.thickness_angstrom,
                        "vacancies": plan.vacancies,
                    }
                    for plan in model.layers
                ],
                "crystals_angstrom": [
                    next((p.thickness_angstrom for p in model.layers if p.section is layer), layer.thickness_angstrom)
                    for layer in self._study.interface.layers
                    if isinstance(layer, CrystalLayer)
                ],
            }
        )

    def _bulk(self, number: int, layer: CrystalLayer | AmorphousLayer) -> str:
        if isinstance(layer, CrystalLayer):
            return content_hash([self.content["elements"], layer.name, self._layer(number)["material"]])
        source = bulk_glass(self._study, layer)
        return content_hash([layer.name, "" if source is None else self._model(source)])

    def _cell(self, lateral_repeat: Iterable[int]) -> dict[str, Any]:
        """What sets the lateral cell, which all crystals share also where a model lacks one."""
        layers = self._study.interface.layers
        crystals = [self._layer(number) for number, layer in enumerate(layers) if isinstance(layer, CrystalLayer)]
        interface = {key: value for key, value in self.content["interface"].items() if key not in ("layers", "small")}
        return {
            "elements": self.content["elements"],
            "seed": self.content["seed"],
            "interface": interface | {"lateral_repeat": list(lateral_repeat)},
            "crystals": crystals,
        }

    def _layer(self, number: int) -> dict[str, Any]:
        """A layer without what is scanned of it, which each model has its own of."""
        content: Mapping[str, Any] = self.content["interface"]["layers"][number]
        return {key: value for key, value in content.items() if key not in ("thickness_angstrom", "vacancies")} | {
            "number": number
        }


def structures_there(context: RunContext) -> dict[str, ModelEntry | BulkEntry]:
    """Structures of a run folder whose files are there.

    Parameters
    ----------
    context : RunContext
        The run.

    Returns
    -------
    dict of str to ModelEntry or BulkEntry
        By name.

    Raises
    ------
    InputFileError
        If ``index.json`` is damaged.
    """
    index = read_optional_book(StructureIndex, context.structures / INDEX) or StructureIndex()
    files = ("model.xyz", "model.data", "layers.json")
    return {
        entry.name: entry
        for entry in index.models
        if all((context.structures / entry.name / name).is_file() for name in files)
    }


def bulk_glass(study: Study, layer: AmorphousLayer) -> ModelPlan | None:
    """The model whose amorphous layer is the bulk cell of that layer too: the thinnest that is explored, else the thinnest.

    Parameters
    ----------
    study : Study
        The study.
    layer : AmorphousLayer
        One of its layers.

    Returns
    -------
    ModelPlan or None
        None where no model has the layer.
    """

    def size(model: ModelPlan) -> float:
        thickness = next(plan.thickness_angstrom for plan in model.layers if plan.section is layer)
        return thickness * model.lateral_repeat[0] * model.lateral_repeat[1]

    having = [model for model in study.interface.models if any(plan.section is layer for plan in model.layers)]
    explored = [model for model in having if model.name in study.explored]
    return min(explored or having, key=size, default=None)


def training_outcome(root: Path) -> str:
    """What the campaign of a run folder leaves to be trained on.

    Parameters
    ----------
    root : Path
        The run folder, there or not.

    Returns
    -------
    str
        Hash of the energies of all labels, by system; they are few numbers, and differ where a label does.
    """
    files = [
        *root.glob("initial_data/dataset/**/energy.npy"),
        *root.glob("campaign/iter.*/02.fp/data.*/**/energy.npy"),
    ]
    return content_hash(sorted((file.relative_to(root).as_posix(), file_hash(file)) for file in files))
