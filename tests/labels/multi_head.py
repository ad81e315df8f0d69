"""Trains a tiny model with two heads for two steps with the PyTorch backend: ``multi_head.py EXPORTED FOLDER`` makes
``FOLDER/model.ckpt.pt`` of what ``labels export --multi-task`` wrote, with smaller networks, and with heads that say from which head they were fine-tuned."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def train(exported: Path, folder: Path) -> None:
    from deepmd.pt.entrypoints.main import train as train_with_pytorch

    content = json.loads((exported / "input.json").read_text())
    content["model"]["shared_dict"]["descriptor"].update(neuron=[2, 4], axis_neuron=2)
    for branch in content["model"]["model_dict"].values():
        branch["fitting_net"]["neuron"] = [4]
        branch["finetune_head"] = "of-another-model"
    content["training"].update(numb_steps=2, save_freq=2, disp_freq=1)
    for section in content["training"]["data_dict"].values():
        for data in section.values():
            data["systems"] = [str(exported / system) for system in data["systems"]]
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    Path("input.json").write_text(json.dumps(content))
    train_with_pytorch(
        "input.json",
        init_model=None,
        restart=None,
        finetune=None,
        init_frz_model=None,
        model_branch="",
        skip_neighbor_stat=True,
    )


if __name__ == "__main__":
    train(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
