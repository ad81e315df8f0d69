"""The verbs and the line that the list of them shows, so that the list is shown without loading any."""

from __future__ import annotations

VERBS = {
    "run": "run a study from its file to the report, or continue it",
    "demo": "run a demo study (LiCoO2 | a-LiF | Li6PS5Cl, or Li | Li7P3S11; 20 to 30 minutes)",
    "status": "show which stages of a run are done",
    "stop": "end what still runs of a run: its processes, its jobs in Slurm",
    "clean": "list what a run folder holds and its study does not ask for; remove it",
    "build": "build the interface models of a study",
    "campaign": "prepare, run and watch the DP-GEN campaign",
    "validate": "errors of a run's final model on held-out labels, and the safety gates",
    "gates": "put a potential through the safety gates",
    "scan": "prepare, run and collect the MD of every thickness",
    "analyze": "turn trajectories into numbers with error bars",
    "report": "write report/index.html of a run, complete or not",
    "figures": "write the figures of a paper on a scan, as PNG, SVG and CSV",
    "config": "check study files, print their schema",
    "screen": "potential maps, windows, defects, ion barriers, conductivity, adhesion before simulating, and which pair first; fluxes",
    "structures": "crystals of the library, their slabs, matching planes of two crystals, amorphous layers",
    "doctor": "check the engines (half a minute)",
    "label": "label a structure and its waiting siblings (called by DP-GEN)",
    "labels": "list, check and export the labels of run folders",
    "analyze-run": "all analyses of one run of a scan (called by jobs of `analyze all`)",
    "teacher-md": "short MD with the teacher; its sampled frames are labels, or paths to analyse",
}
"""In the order of the list."""
