"""What engines fail for want of is one sentence with its remedy; the words are those of real logs, each with where it was read."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlip_interfaces.config import LocalExecution, load_study
from mlip_interfaces.errors import ProgramError, UnfinishedError
from mlip_interfaces.jobs import Batch, JobTask, run_tasks
from mlip_interfaces.known_failures import known_failure
from mlip_interfaces.pipeline.campaign import _explained
from mlip_interfaces.programs import end_of_log, log_tail, run_program
from mlip_interfaces.run.context import RunContext

MEMORY, DRIVER, NO_GPU = (
    "The GPU's memory is used up: ",
    "The NVIDIA driver there is missing, or too old",
    "The job saw no GPU: ",
)
# github.com/deepmodeling/deepmd-kit/issues/4182: LAMMPS with a TensorFlow model.
TENSORFLOW = (
    "2024-10-04 10:22:31.041306: W tensorflow/core/framework/op_kernel.cc:1745] OP_REQUIRES failed at matmul_op_impl.h:681 : "
    "RESOURCE_EXHAUSTED: OOM when allocating tensor with shape[28800000,50] and type double on "
    "/job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc"
)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (TENSORFLOW, MEMORY),
        # github.com/deepmodeling/deepmd-kit/issues/1149: dp test.
        (
            "2021-09-14 16:15:13.547135: W tensorflow/core/common_runtime/bfc_allocator.cc:456] Allocator (GPU_0_bfc) ran out of memory "
            "trying to allocate 2.62GiB (rounded to 2816000000)requested by op load/filter_type_all/concat_5",
            MEMORY,
        ),
        # github.com/deepmodeling/deepmd-kit/issues/1412: LAMMPS.
        ("failed to allocate 4.00G (4294967296 bytes) from device: CUDA_ERROR_OUT_OF_MEMORY: out of memory", MEMORY),
        # github.com/deepmodeling/dpgen/issues/528: training; DeePMD-kit's own operators.
        (
            "  (0) Resource exhausted: Operation received an exception: DeePMD-kit OOM: CUDA Assert, in file "
            "/tmp/pip-req-build-8xtytcha/source/op/custom_op.cc:12",
            MEMORY,
        ),
        # github.com/facebookresearch/fairchem/issues/1725: torch.
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 19.20 GiB.\n"
            "GPU 0 has a total capacity of 93.10 GiB of which 18.03 GiB is free.",
            MEMORY,
        ),
        # github.com/open-mmlab/mmskeleton/issues/30: CUDA's runtime library.
        ("cuda runtime error (35) : CUDA driver version is insufficient for CUDA runtime version", DRIVER),
        # github.com/RangiLyu/nanodet/issues/216: torch.
        ("RuntimeError: The NVIDIA driver on your system is too old (found version 10010). Please update your GPU driver", DRIVER),
        # Words of torch 2.11's libc10_cuda.so.
        ("RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU", DRIVER),
        ("RuntimeError: No CUDA GPUs are available", NO_GPU),
        # DeePMD-kit 3.2's libdeepmd.so, with CUDA's words for cudaErrorNoDevice and cudaErrorInvalidDevice.
        ("CUDA Runtime library throws an error: no CUDA-capable device is detected, in file gpu.cu: 12", NO_GPU),
        ("CUDA Runtime library throws an error: invalid device ordinal, in file gpu.cu: 12", NO_GPU),
        # github.com/deepmodeling/deepmd-kit/issues/2154: a Tesla K80.
        ("no kernel image is available for execution on the device", "The installed libraries hold no code for this kind of GPU: "),
        # github.com/NVIDIA/nvidia-container-toolkit/issues/714
        (
            "Error 805: MPS client failed to connect to the MPS control daemon or the MPS server",
            "NVIDIA MPS runs but takes no programs on that node: ",
        ),
        ("implib-gen: libcudart.so.12: failed to resolve symbol 'cudaGetLastError'", "LAMMPS runs PyTorch models with libcudart.so.12"),
        (
            "RuntimeError: The version of PyTorch used to compile this deepmd-kit package is 2.11.0, but",
            "DeePMD-kit's PyTorch backend works with one version of torch alone",
        ),
    ],
)  # fmt: skip
def test_words_of_a_known_cause_are_understood(said: str, sentence: str) -> None:
    found = known_failure(f"# training begins\n{said}\nlast line")
    assert found.startswith(sentence)
    assert found.endswith(".")


@pytest.mark.parametrize(
    "said",
    [
        # github.com/deepmodeling/deepmd-kit/issues/487: the memory of the host.
        "OOM when allocating tensor with shape[173107136,50] and type double on /job:localhost/replica:0/task:0/device:CPU:0 by allocator cpu",
        # What TensorFlow and DeePMD-kit say on every machine without a GPU.
        "Could not find cuda drivers on your machine, GPU will not be used.",
        "failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected",
        "DeePMD-kit: Successfully load libcudart.so.12",
        "Error: Failed to load libcudart",
        "implib-gen: libcudart.so.12: failed to resolve symbol '__cudaRegisterFunction', library failed to load",
        "ERROR: Lost atoms: original 304 current 303",
    ],
)  # fmt: skip
def test_other_words_are_left_alone(said: str) -> None:
    assert known_failure(said) == ""


def test_log_keeps_the_lines_that_name_the_cause_and_drops_the_noise_of_cuda(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(
        "Could not find cuda drivers on your machine, GPU will not be used.\nRuntimeError: CUDA out of memory. Tried\nthe end\n"
    )
    assert log_tail(tmp_path / "log") == "RuntimeError: CUDA out of memory. Tried\nthe end"


def test_a_library_that_a_log_lacks_is_named_and_its_noise_is_not_shown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("first\nimplib-gen: libcudart.so.12: failed to resolve symbol 'cudaGetLastError'\nlast\n")
    said = end_of_log(log)
    assert "pip install nvidia-cuda-runtime-cu12" in said
    assert said.endswith(f"The end of {log}:\nfirst\nlast")


def test_program_and_task_that_a_gpu_failed_end_in_the_sentence(tmp_path: Path) -> None:
    # What TensorFlow says of its memory afterwards is longer than the lines that an error shows.
    command = f"echo '{TENSORFLOW}' | sed s/^/W/; seq 100; exit 1"
    with pytest.raises(ProgramError, match=rf"exit status 1 in .*\. {MEMORY}fewer tasks on a GPU") as error:
        run_program(["sh", "-c", command], directory=tmp_path, log_file=tmp_path / "log")
    assert str(error.value).endswith("\n99\n100")
    (tmp_path / "task").mkdir()
    batch = Batch((JobTask("task", f"({command})", ("result",)),), tmp_path, "train")
    with pytest.raises(UnfinishedError, match=f"{MEMORY}.* The end of .*/task/task.log:"):
        run_tasks(batch, LocalExecution(poll_seconds=0.1))


def test_training_of_a_campaign_that_a_gpu_failed_is_named_and_finished_ones_are_not(
    miniature: Path, tmp_path: Path
) -> None:
    context = RunContext(load_study(miniature), tmp_path)
    failed, done = (tmp_path / "campaign" / "iter.000000" / "00.train" / name for name in ("001", "000"))
    for folder in (failed, done):
        folder.mkdir(parents=True)
        (folder / "train.log").write_text(TENSORFLOW)
    (done / f"{'0' * 40}_task_tag_finished").touch()
    said = str(_explained(context, ProgramError("'dpgen' failed")))
    assert said.startswith(MEMORY)
    assert f"its log: {failed}/train.log. The same command goes on from there." in said
    (failed / "train.log").write_text("Segmentation fault")
    assert str(_explained(context, ProgramError("'dpgen' failed"))) == "'dpgen' failed"
