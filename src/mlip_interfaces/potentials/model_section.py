"""DeePMD-kit's section ``model``: of the sizes that a study names, or the user's own; what can be trained and compressed of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from mlip_interfaces.choices import ModelKind
from mlip_interfaces.potentials.backend import Backend

Section = dict[str, JsonValue]
"""A part of DeePMD-kit's input; its own schema says what is in it."""

_SOFTMIN_ANGSTROM = 0.1
"""Width of the soft minimum that stands for the distance of the nearest neighbour."""

_ALIASES = {
    "se_a": "se_e2_a",
    "se_r": "se_e2_r",
    "se_at": "se_e3",
    "se_a_3be": "se_e3",
    "se_t": "se_e3",
    "dpa1": "se_atten",
}
"""DeePMD-kit's other names for descriptors."""

_TRAINED_BY = {
    "tensorflow": frozenset(
        {"se_e2_a", "se_e2_r", "se_e3", "se_a_tpe", "se_a_ebd", "se_atten", "se_atten_v2", "loc_frame"}
    ),
    "pytorch": frozenset({"se_e2_a", "se_e2_r", "se_e3", "se_e3_tebd", "se_atten", "se_atten_v2", "dpa2", "dpa3"}),
}
"""Descriptors, besides hybrids of them, that each backend trains and DP-GEN takes in the format of its models."""

TWO_BODY = frozenset({"se_e2_a", "se_e2_r", "se_e3"})
"""Descriptors without a choice that stands against compression."""

_COMPRESSED_WITHOUT_ATTENTION = ("se_atten", "se_atten_v2", "dpa2")
"""Of DPA-2 the embedding; the layers that pass messages stay as they are."""


@dataclass(frozen=True, slots=True)
class InnerSizes:
    """Sizes of what passes messages between near neighbours, in DPA-2 and DPA-3.

    Attributes
    ----------
    layers : int
        How often messages are passed.
    node_neurons, edge_neurons : int
        Width of what is known of each atom and of each pair.
    angle_neurons : int
        DPA-3: width of what is known of each angle.
    attention_neurons, attention_heads : int
        DPA-2: of the attention over pairs.
    cutoff_angstrom : float, angstrom
        DPA-2: neighbours that messages come from; DPA-3: those that make angles.
    switch_width_angstrom : float, angstrom
        Over which that cutoff acts; DPA-3: the outer one too.
    """

    layers: int
    node_neurons: int
    edge_neurons: int
    cutoff_angstrom: float
    switch_width_angstrom: float
    angle_neurons: int = 32
    attention_neurons: int = 32
    attention_heads: int = 4


@dataclass(frozen=True, slots=True)
class DescriptorSizes:
    """Sizes of a Deep Potential.

    Attributes
    ----------
    cutoff_angstrom, smooth_from_angstrom : float, angstrom
        Radial cutoff and where its switching begins.
    embedding_neurons, fitting_neurons : tuple of int
        Sizes of the networks' layers.
    axis_neurons : int
        Columns of the embedding kept as axes.
    max_neighbors : tuple of int
        Neighbours kept (DeePMD's ``sel``). se_e2_a: of each element, in type-map order; other kinds: of all elements together,
        within the cutoff, then within the inner one if there is one.
    precision : str
        Floating-point precision of the networks.
    kind : {"se_e2_a", "se_atten_v2", "dpa2", "dpa3"}
        The descriptor.
    inner : InnerSizes or None
        Of dpa2 and dpa3.
    """

    cutoff_angstrom: float
    smooth_from_angstrom: float
    embedding_neurons: tuple[int, ...]
    axis_neurons: int
    fitting_neurons: tuple[int, ...]
    max_neighbors: tuple[int, ...]
    precision: str = "float64"
    kind: ModelKind = "se_e2_a"
    inner: InnerSizes | None = None


@dataclass(frozen=True, slots=True)
class ShortRangeBlend:
    """Where a table of pair energies takes over from the network.

    Attributes
    ----------
    file : str
        The table, relative to where training runs; `zbl_table` makes it.
    from_angstrom, to_angstrom : float, angstrom
        An atom whose nearest neighbour is closer than the first has the table's energy alone, one beyond the second the network's.
    """

    file: str
    from_angstrom: float
    to_angstrom: float


def short_range_keys(blend: ShortRangeBlend) -> Section:
    """DeePMD's words for a table that takes over at short distances.

    Parameters
    ----------
    blend : ShortRangeBlend
        The table and where it acts.

    Returns
    -------
    dict of str to JSON
        Keys of the section ``model``.
    """
    return {
        "use_srtab": blend.file,
        "smin_alpha": _SOFTMIN_ANGSTROM,
        "sw_rmin": blend.from_angstrom,
        "sw_rmax": blend.to_angstrom,
    }


def model_section(
    sizes: DescriptorSizes,
    elements: Sequence[str],
    *,
    seed: int | None = None,
    short_range: ShortRangeBlend | None = None,
) -> Section:
    """Section ``model`` of a training input.

    Parameters
    ----------
    sizes : DescriptorSizes
        The model.
    elements : sequence of str
        The type map.
    seed : int or None, optional
        Draws the first weights.
    short_range : ShortRangeBlend or None, optional
        The table that takes over at short distances.

    Returns
    -------
    dict of str to JSON
        As DeePMD-kit reads it.
    """
    seeded: Section = {} if seed is None else {"seed": seed}
    activation: Section = {"activation_function": "silut:10.0"} if sizes.kind == "dpa3" else {}
    return {
        "type_map": list(elements),
        **({} if short_range is None else short_range_keys(short_range)),
        "descriptor": {**_DESCRIPTORS[sizes.kind](sizes), "precision": sizes.precision, **seeded},
        "fitting_net": {
            "neuron": list(sizes.fitting_neurons),
            **activation,
            "resnet_dt": True,
            "precision": sizes.precision,
            **seeded,
        },
    }


def _two_body(sizes: DescriptorSizes) -> Section:
    return {
        "type": "se_e2_a",
        "rcut": sizes.cutoff_angstrom,
        "rcut_smth": sizes.smooth_from_angstrom,
        "sel": list(sizes.max_neighbors),
        "neuron": list(sizes.embedding_neurons),
        "axis_neuron": sizes.axis_neurons,
        "type_one_side": True,
        "resnet_dt": False,
    }


def _mixed_types(sizes: DescriptorSizes) -> Section:
    return {
        "type": "se_atten_v2",
        "rcut": sizes.cutoff_angstrom,
        "rcut_smth": sizes.smooth_from_angstrom,
        "sel": sizes.max_neighbors[0],
        "neuron": list(sizes.embedding_neurons),
        "axis_neuron": sizes.axis_neurons,
        # Attention would keep the model from being compressed.
        "attn_layer": 0,
        "resnet_dt": False,
    }


def _dpa2(sizes: DescriptorSizes) -> Section:
    inner = sizes.inner
    assert inner is not None
    outer, near = sizes.max_neighbors
    inner_smooth = inner.cutoff_angstrom - inner.switch_width_angstrom
    return {
        "type": "dpa2",
        "repinit": {
            "rcut": sizes.cutoff_angstrom,
            "rcut_smth": sizes.smooth_from_angstrom,
            "nsel": outer,
            "neuron": list(sizes.embedding_neurons),
            "axis_neuron": sizes.axis_neurons,
            "tebd_input_mode": "strip",
            "use_three_body": True,
            "three_body_rcut": inner.cutoff_angstrom,
            "three_body_rcut_smth": inner_smooth,
            "three_body_sel": near,
        },
        "repformer": {
            "rcut": inner.cutoff_angstrom,
            "rcut_smth": inner_smooth,
            "nsel": near,
            "nlayers": inner.layers,
            "g1_dim": inner.node_neurons,
            "g2_dim": inner.edge_neurons,
            "attn1_hidden": inner.node_neurons,
            "attn1_nhead": inner.attention_heads,
            "attn2_hidden": inner.attention_neurons,
            "attn2_nhead": inner.attention_heads,
            "attn2_has_gate": True,
            "axis_neuron": 4,
            "update_g1_has_attn": False,
            "update_style": "res_residual",
            "update_residual": 0.01,
            "update_residual_init": "norm",
            "use_sqrt_nnei": True,
            "g1_out_conv": True,
            "g1_out_mlp": True,
        },
        "add_tebd_to_repinit_out": False,
    }


def _dpa3(sizes: DescriptorSizes) -> Section:
    inner = sizes.inner
    assert inner is not None
    outer, near = sizes.max_neighbors
    return {
        "type": "dpa3",
        "repflow": {
            "nlayers": inner.layers,
            "n_dim": inner.node_neurons,
            "e_dim": inner.edge_neurons,
            "a_dim": inner.angle_neurons,
            "e_rcut": sizes.cutoff_angstrom,
            "e_rcut_smth": sizes.cutoff_angstrom - inner.switch_width_angstrom,
            "e_sel": outer,
            "a_rcut": inner.cutoff_angstrom,
            "a_rcut_smth": inner.cutoff_angstrom - inner.switch_width_angstrom,
            "a_sel": near,
            "axis_neuron": 4,
            "a_compress_rate": 1,
            "a_compress_e_rate": 2,
            "a_compress_use_split": True,
            "fix_stat_std": 0.3,
            "smooth_edge_update": True,
            "edge_init_use_dist": True,
            "use_exp_switch": True,
            # Neighbours beyond those that are there cost nothing; sums are over the numbers as counted.
            "use_dynamic_sel": True,
            "sel_reduce_factor": 1.0,
            "update_style": "res_residual",
            "update_residual": 0.1,
            "update_residual_init": "const",
        },
        "activation_function": "silut:10.0",
        "use_tebd_bias": False,
        "concat_output_tebd": False,
    }


_DESCRIPTORS = {"se_e2_a": _two_body, "se_atten_v2": _mixed_types, "dpa2": _dpa2, "dpa3": _dpa3}


def descriptors(section: Mapping[str, JsonValue]) -> Iterator[Mapping[str, JsonValue]]:
    """Descriptors of a model, those of a hybrid one by one.

    Parameters
    ----------
    section : mapping
        The section ``model``.

    Yields
    ------
    mapping
        As the section has them.
    """
    waiting: list[JsonValue] = [section["descriptor"]]
    while waiting:
        descriptor = waiting.pop(0)
        assert isinstance(descriptor, dict)
        if descriptor.get("type") == "hybrid":
            parts = descriptor.get("list")
            waiting += parts if isinstance(parts, list) else []
        else:
            yield descriptor


def kinds_of(section: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Names of a model's descriptors.

    Parameters
    ----------
    section : mapping
        The section ``model``.

    Returns
    -------
    tuple of str
        DeePMD-kit's own, not its other names for them; of a hybrid those of its parts.
    """
    return tuple(map(_name, descriptors(section)))


def kind_of(section: Mapping[str, JsonValue]) -> str:
    """Name of a model's descriptor.

    Parameters
    ----------
    section : mapping
        The section ``model``.

    Returns
    -------
    str
        DeePMD-kit's; of a hybrid the names of its parts.
    """
    return " + ".join(kinds_of(section))


def is_single_precision(section: Mapping[str, JsonValue]) -> bool:
    """Whether a network of a model computes in less than double precision.

    Parameters
    ----------
    section : mapping
        The section ``model``.

    Returns
    -------
    bool
        False where nothing is said: DeePMD-kit's default is double.
    """
    parts = [*descriptors(section), section.get("fitting_net", {})]
    words = {part.get("precision", "default") for part in parts if isinstance(part, Mapping)}
    return not words <= {"default", "float64", "double"}


def why_not_trained(section: Mapping[str, JsonValue], backend: Backend) -> str:
    """Why a backend cannot train a model and use it in LAMMPS.

    Parameters
    ----------
    section : mapping
        The section ``model``.
    backend : Backend
        The one that the study asks for.

    Returns
    -------
    str
        Empty where it can.
    """
    if "use_srtab" in section:
        # TensorFlow's table knows elements by their place among the neighbours alone: in others all are the first element, silently.
        told_apart = backend.name == "tensorflow"
        wrong = [name for name in kinds_of(section) if (name in TWO_BODY) != told_apart]
        if wrong:
            return (
                f"{backend.label} takes short_range with models that {'tell' if told_apart else 'do not tell'} the elements of neighbours "
                f"apart by their places, not with {wrong[0]}; take the other backend, or leave training.short_range out"
            )
    known = _TRAINED_BY[backend.name]
    unknown = [name for name in kinds_of(section) if name not in known]
    if not unknown:
        return ""
    others = [name for name, kinds in _TRAINED_BY.items() if unknown[0] in kinds]
    remedy = f"set training.backend: {others[0]}" if others else f"it trains {', '.join(sorted(known))}"
    return f"the backend {backend.label} cannot train {unknown[0]} for LAMMPS here; {remedy}"


def why_not_compressed(section: Mapping[str, JsonValue]) -> str:
    """Why a model is used as it was frozen.

    Parameters
    ----------
    section : mapping
        The section ``model``.

    Returns
    -------
    str
        Empty where it can be compressed.
    """
    for descriptor in descriptors(section):
        name = _name(descriptor)
        if descriptor.get("resnet_dt"):
            return f"{name} with resnet_dt cannot be compressed"
        if name in TWO_BODY:
            continue
        if name not in _COMPRESSED_WITHOUT_ATTENTION:
            return f"{name} cannot be compressed"
        part = descriptor.get("repinit") if name == "dpa2" else descriptor
        assert isinstance(part, Mapping)
        if name != "se_atten_v2" and part.get("tebd_input_mode") != "strip":
            return f"{name} can be compressed with tebd_input_mode: strip alone"
        if part.get("attn_layer", 0 if name == "dpa2" else 2) != 0:
            return f"{name} with attention (attn_layer) cannot be compressed"
    return ""


def _name(descriptor: Mapping[str, JsonValue]) -> str:
    name = str(descriptor.get("type", "se_e2_a"))
    return _ALIASES.get(name, name)
