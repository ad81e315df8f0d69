"""Section ``recommendation``: by what a thickness of the coating is chosen, and how sure the choice must be."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import Field

from mlip_interfaces.observables import Chemistry, Msd, Request
from mlip_interfaces.settings import Name, Section


class Recommendation(Section):
    """The rule that chooses among the thicknesses of a scan; without one, nothing is recommended."""

    level: float = Field(
        0.05, gt=0, lt=0.5, description="Largest chance that the thickness recommended is a wrong one."
    )
    loss_protocol: Name | None = Field(
        None, description="Protocol in which the electrolyte is lost; the coolest when left out."
    )
    loss: str = Field(
        "intact",
        pattern=r"^(intact|[A-Z][a-z]?-[A-Z][a-z]?)$",
        description="What is lost. intact: the share of units (`chemistry`) that have other neighbours than at the start. A bond, as in "
        "P-S: bonds of its first element that are gone; one of `reaction_bonds`, as in P-O: bonds that were made.",
    )
    loss_analysis: Name | None = Field(
        None, description="Name of the `chemistry` that counts it; the first when left out."
    )
    smallest_reduction_fraction: float = Field(
        0.2, gt=0, lt=1, description="A coating that reduces the loss by less than this share of it does not protect."
    )
    transport_protocol: Name | None = Field(
        None, description="Protocol in which ions diffuse; the hottest when left out."
    )
    transport_analysis: Name | None = Field(
        None,
        description="Name of the `msd` that has D; when left out, the first of the scanned layer. It must be of that layer: of all ions of the "
        "model, a thicker coating has more, however they move.",
    )
    mobile: str | None = Field(
        None, description="Element that carries the charge; the first of that `msd` when left out."
    )
    largest_drop_fraction: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="D must be shown to be above this share less than that of the thinnest coating. D that is significantly lower at "
        "all is refused whatever the share.",
    )
    power: float = Field(
        0.8,
        gt=0.5,
        lt=1,
        description="Chance to decide in the run time that is asked for where the data do not decide.",
    )

    def loss_among(self, requests: Mapping[str, Request], elements: Collection[str]) -> str | None:
        """Name of the analysis that counts what is lost.

        Parameters
        ----------
        requests : mapping of str to Request
            All analyses of the study, by name.
        elements : collection of str
            Of the study.

        Returns
        -------
        str or None
            As asked for; else the first `chemistry` that counts it; None where none does.
        """
        if self.loss_analysis is not None:
            return self.loss_analysis
        own = {name: one for name, one in requests.items() if isinstance(one, Chemistry)}
        return next((name for name, one in own.items() if self.counted_by(one, elements)), None)

    def counted_by(self, request: Chemistry, elements: Collection[str]) -> bool:
        """Whether an analysis counts what is lost.

        Parameters
        ----------
        request : Chemistry
            The analysis.
        elements : collection of str
            Of the study.

        Returns
        -------
        bool
            Of units, whether there is an element at their centre; of a bond, whether it is looked for.
        """
        if self.loss == "intact":
            return bool(set(request.centers_among(elements)) & set(elements))
        first, second = self.loss.split("-")
        return {first, second} <= set(elements) and bool(
            {self.loss, f"{second}-{first}"} & set(request.cutoffs_angstrom(elements))
        )

    def transport_among(self, requests: Mapping[str, Request], layer: str | None) -> str | None:
        """Name of the analysis that has D.

        Parameters
        ----------
        requests : mapping of str to Request
            All analyses of the study, by name.
        layer : str or None
            The layer whose thickness is scanned.

        Returns
        -------
        str or None
            As asked for; else the first `msd` of the layer, one with `mobile` before others; None where it has none.
        """
        if self.transport_analysis is not None:
            return self.transport_analysis
        of_layer = {name: one.species for name, one in requests.items() if isinstance(one, Msd) and one.layer == layer}
        with_mobile = [name for name, species in of_layer.items() if self.mobile in species]
        return next(iter([*with_mobile, *of_layer]), None)
