"""Tasks on GPUs: each takes a place on one of them and sees that one alone until it ends, whatever the other tasks do.

Who gets which GPU is settled when a task starts, by locks of the system, not by the task's number: a job that is submitted
again, a folder that was moved, tasks of other length or of another run folder change nothing. A lock ends with the last process
that holds it, so that no crash leaves a place taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlip_interfaces.config import Execution, LocalExecution, Step

TAKE_A_PLACE = '. "$MLIP_GPU_PLACES/on_gpu" 2>> task.log;'
"""Shell before a task, in its folder: it waits for a place, and says in the log of the task which GPU it got."""
ON_A_PLACE = 'sh "$MLIP_GPU_PLACES/on_gpu" '
"""The same as words before a command, for command lines that DP-GEN makes."""
_LOCAL_STEPS = ("train", "explore", "md")
_ON_GPU = (
    "while :; do",
    "  place=1",
    '  while [ "$place" -le "$MLIP_RUNS_PER_GPU" ]; do',
    "    for gpu in $MLIP_GPUS; do",
    '      file="$MLIP_GPU_PLACES/$(echo "$gpu" | tr / _)"',
    '      exec 8>> "$file" 7>> "$file.$place"',
    '      if flock -n "$([ "$MLIP_RUNS_PER_GPU" -eq 1 ] && echo -x || echo -s)" 8 && flock -n 7; then break 3; fi',
    "    done",
    "    place=$((place + 1))",
    "  done",
    "  exec 8>&- 7>&-",
    "  sleep 1",
    "done",
    'export CUDA_VISIBLE_DEVICES="$gpu"',
    'echo "On GPU $gpu, place $place of $MLIP_RUNS_PER_GPU${MLIP_GPU_MPS:+, with NVIDIA MPS}." >&2',
    '[ $# -eq 0 ] || exec "$@"',
)
_MPS = (
    "# NVIDIA MPS lets the tasks on a GPU run at the same time; the last job that uses it stops it. It wants GPUs by their UUID.",
    'if [ -z "$MLIP_NO_MPS" ] && command -v nvidia-cuda-mps-control > /dev/null && MLIP_GPU_UUIDS=$(for gpu in $MLIP_GPUS; do '
    'nvidia-smi --query-gpu=uuid --format=csv,noheader -i "$gpu" || exit 1; done); then',
    '  export CUDA_MPS_PIPE_DIRECTORY="$MLIP_GPU_PLACES/mps" CUDA_MPS_LOG_DIRECTORY="$MLIP_GPU_PLACES/mps"',
    '  mkdir -p "$CUDA_MPS_PIPE_DIRECTORY"',
    '  exec 5>> "$MLIP_GPU_PLACES/mps.lock" 6>> "$MLIP_GPU_PLACES/mps.users" && flock 5',
    "  CUDA_VISIBLE_DEVICES=$(echo $MLIP_GPU_UUIDS | tr ' ' ,) nvidia-cuda-mps-control -d 5>&- 6>&- || true",
    "  if echo get_server_list | nvidia-cuda-mps-control > /dev/null; then",
    '    export MLIP_GPU_MPS=yes MLIP_GPUS="$MLIP_GPU_UUIDS"; flock -s 6',
    "  else unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY; fi",
    "  exec 5>&-",
    "fi",
    '[ -n "$MLIP_GPU_MPS" ] && echo "NVIDIA MPS runs for this job." || '
    'echo "NVIDIA MPS is not used (no nvidia-cuda-mps-control that answers, or MLIP_NO_MPS is set): tasks on a GPU take turns."',
)


_LEAVE_MPS = (
    '  if [ -n "$MLIP_GPU_MPS" ]; then',
    '    exec 5>> "$MLIP_GPU_PLACES/mps.lock" && flock 5',
    "    if flock -n 6; then echo quit | nvidia-cuda-mps-control; fi",
    "  fi",
)


@dataclass(frozen=True, slots=True)
class GpuPlaces:
    """Places for the tasks of a job.

    Attributes
    ----------
    n_gpus : int
        GPUs of the job, or of this machine.
    runs_per_gpu : int
        Tasks on each at the same time.
    """

    n_gpus: int
    runs_per_gpu: int

    @property
    def n_tasks(self) -> int:
        """Tasks side by side."""
        return self.n_gpus * self.runs_per_gpu

    @property
    def environment(self) -> dict[str, str]:
        """Variables of programs that share a GPU: TensorFlow would take all of its memory."""
        return {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} if self.runs_per_gpu > 1 else {}

    def script(self, *, own_gpus: bool) -> list[str]:
        """Shell lines at the head of a job, before its tasks.

        Parameters
        ----------
        own_gpus : bool
            Whether the job has its GPUs to itself, as one of Slurm; else it shares them with all jobs of this user here.

        Returns
        -------
        list of str
            They ask which GPUs there are, start NVIDIA MPS where several tasks share one, and write ``on_gpu``, by which a task
            takes its place.
        """
        numbers = ",".join(str(number) for number in range(self.n_gpus))
        each = "one" if self.runs_per_gpu == 1 else str(self.runs_per_gpu)
        folder = "job.$SLURM_JOB_ID" if own_gpus else "${SLURM_JOB_ID:-here}"
        leave = [
            *(_LEAVE_MPS if self.runs_per_gpu > 1 else ()),
            *(('  rm -rf "$MLIP_GPU_PLACES"',) if own_gpus else ()),
        ]
        return [
            f"# {self.n_tasks} of the tasks run at the same time, {each} on a GPU. A task takes a place on a GPU and sees that one "
            "alone (CUDA_VISIBLE_DEVICES) until it ends.",
            "export CUDA_DEVICE_ORDER=PCI_BUS_ID MLIP_GPU_MPS=",
            f'export MLIP_GPU_PLACES="/tmp/mlip-interfaces-gpus-$(id -u)/{folder}" MLIP_RUNS_PER_GPU={self.runs_per_gpu}',
            f'export MLIP_GPUS="$(echo "${{CUDA_VISIBLE_DEVICES-{numbers}}}" | tr , \'\\n\' | head -n {self.n_gpus})"',
            '[ -n "$MLIP_GPUS" ] || { echo "CUDA_VISIBLE_DEVICES is empty: this job may use no GPU." >&2; exit 1; }',
            'mkdir -p "$MLIP_GPU_PLACES" && command -v flock > /dev/null || '
            '{ echo "GPUs are dealt out by flock in $MLIP_GPU_PLACES: the program or the folder is not to be had." >&2; exit 1; }',
            *(_MPS if self.runs_per_gpu > 1 else ()),
            *(("leave_gpus() {", *leave, "}", "trap leave_gpus EXIT") if leave else ()),
            "cat > \"$MLIP_GPU_PLACES/on_gpu.$$\" <<'END'",
            *_ON_GPU,
            "END",
            'mv "$MLIP_GPU_PLACES/on_gpu.$$" "$MLIP_GPU_PLACES/on_gpu"',
        ]


def gpu_places(execution: Execution, step: Step) -> GpuPlaces | None:
    """Places that the tasks of a kind of job take.

    Parameters
    ----------
    execution : Execution
        How jobs are run: the study's section.
    step : Step
        Kind of job.

    Returns
    -------
    GpuPlaces or None
        None where GPUs are not dealt out: a job without any, or whose tasks all see what the job was given.
    """
    if isinstance(execution, LocalExecution):
        takes_one = step in _LOCAL_STEPS or (step == "label" and execution.labels_on_gpus)
        if not execution.gpus or not takes_one:
            return None
        return GpuPlaces(execution.gpus, 1 if step == "train" else execution.runs_per_gpu)
    asked = execution.resources(step)
    if asked.gpus_per_node and asked.runs_per_gpu is not None:
        return GpuPlaces(asked.gpus_per_node, asked.runs_per_gpu)
    if asked.para_deg > 1 and asked.gpus_per_node > 1:
        return GpuPlaces(asked.gpus_per_node, asked.para_deg // asked.gpus_per_node)
    return None
