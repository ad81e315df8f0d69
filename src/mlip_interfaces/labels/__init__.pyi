from .dataset import write_dataset
from .driver import label_task, read_record, read_structure, structure_hash
from .evaluation import Evaluation, LabelFailure
from .export import export_labels
from .flags import check_labels
from .outliers import LabelFlag, find_near_duplicates, find_outliers
from .record import LabelRecord
from .settings import LabelSettings
from .splitting import hold_out
from .store import FailedLabel, LabelStore, StoredLabel, collect_labels
from .teachers import Teacher, build_teacher, check_teacher

__all__ = [
    "Evaluation", "FailedLabel", "LabelFailure", "LabelFlag", "LabelRecord", "LabelSettings", "LabelStore", "StoredLabel",
    "Teacher", "build_teacher", "check_labels", "check_teacher", "collect_labels", "export_labels", "find_near_duplicates",
    "find_outliers", "hold_out", "label_task", "read_record", "read_structure", "structure_hash", "write_dataset",
]  # fmt: skip
