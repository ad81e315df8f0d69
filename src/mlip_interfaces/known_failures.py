"""What makes engines fail for want of something, in one sentence with the remedy: their own words for it, and what to do."""

from __future__ import annotations

import re

_OUT_OF_MEMORY = (
    "The GPU's memory is used up: fewer tasks on a GPU (runs_per_gpu), a smaller training.batch_size, fewer atoms in an MD run, a "
    "compressed model, training.precision: float32, or a GPU with more memory (execution)."
)
_OLD_DRIVER = (
    "The NVIDIA driver there is missing, or too old for the installed CUDA libraries: have it updated (`nvidia-smi` shows the newest "
    'CUDA that it can run), or take the engines for CPUs (pip install "mlip-interfaces[engines]").'
)
_NO_GPU = (
    "The job saw no GPU: ask for one (execution: gpus_per_node, and a partition that has some), and see that `nvidia-smi` lists it and "
    "CUDA_VISIBLE_DEVICES does not hide it."
)
_OTHER_GPU = (
    "The installed libraries hold no code for this kind of GPU: take another GPU (execution: partition, custom_flags), or a build of "
    "DeePMD-kit and torch for this one."
)
_NO_MPS = "NVIDIA MPS runs but takes no programs on that node: set MLIP_NO_MPS: 1 in execution's environment, or runs_per_gpu: 1."
_NO_CUDART = (
    "LAMMPS runs PyTorch models with libcudart.so.12 alone, also where there is no GPU, and found none: "
    "pip install nvidia-cuda-runtime-cu12 beside lmp (the extra pytorch brings it)."
)
_OTHER_TORCH = "DeePMD-kit's PyTorch backend works with one version of torch alone: the extra pytorch brings it, and `mlip-interfaces doctor` names it."
_SENTENCES = {
    re.compile(words): sentence
    for words, sentence in (
        (
            r"OOM when allocating tensor[^\n]*device:GPU|GPU_\d+_bfc\) ran out of memory|CUDA_ERROR_OUT_OF_MEMORY|DeePMD-kit OOM"
            r"|CUDA out of memory|CUDA error: out of memory|throws an error: out of memory",
            _OUT_OF_MEMORY,
        ),
        (
            r"CUDA driver version is insufficient for CUDA runtime version|The NVIDIA driver on your system is too old"
            r"|Found no NVIDIA driver on your system|forward compatibility was attempted on non supported HW",
            _OLD_DRIVER,
        ),
        (
            r"CUDA error: no CUDA-capable device is detected|throws an error: no CUDA-capable device is detected"
            r"|No CUDA GPUs are available|CUDA error: invalid device ordinal|throws an error: invalid device ordinal",
            _NO_GPU,
        ),
        (r"no kernel image is available for execution on the device", _OTHER_GPU),
        (r"MPS client failed to connect|MPS server is not ready to accept new MPS client requests", _NO_MPS),
        # A program registers its kernels without the library; it is lost when it calls one of the others.
        (r"implib-gen: libcudart\S* failed to resolve symbol '(?!__cudaRegister)", _NO_CUDART),
        (r"The version of PyTorch used to compile this", _OTHER_TORCH),
    )
}


def known_failure(log: str) -> str:
    """What to do about a program that failed for a cause that its words tell.

    Parameters
    ----------
    log : str
        What the program said, or the end of it.

    Returns
    -------
    str
        A sentence; empty where the words tell no cause that is known here.

    Examples
    --------
    >>> known_failure("RuntimeError: No CUDA GPUs are available").partition(":")[0]
    'The job saw no GPU'
    >>> known_failure("Could not find cuda drivers on your machine, GPU will not be used.")
    ''
    """
    return next((sentence for words, sentence in _SENTENCES.items() if words.search(log)), "")
