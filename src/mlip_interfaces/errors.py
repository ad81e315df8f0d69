"""The exception tree.

Everything a user can cause and cure derives from `UserError` and ends the command line with exit code 2 and
its message alone. `UnfinishedError` ends it with exit code 3: something outside failed, what is done is kept
and the same command continues. Any other exception is a bug and shows its traceback.
"""


def counted(number: int, noun: str) -> str:
    """A number and its noun, as messages name them.

    Parameters
    ----------
    number : int
        How many there are.
    noun : str
        In the singular.

    Returns
    -------
    str
        With an s unless there is one.

    Examples
    --------
    >>> counted(1, "pair"), counted(2, "pair")
    ('1 pair', '2 pairs')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class MlipInterfacesError(Exception):
    """Base class of all errors raised on purpose by this package."""


class UserError(MlipInterfacesError):
    """A mistake in the input; the message says what, where and how to cure it."""


class StudyError(UserError, ValueError):
    """The study file is wrong."""


class InputFileError(UserError, ValueError):
    """A file given by the user cannot be used."""


class AnalysisError(UserError, ValueError):
    """An analysis was asked for something its data cannot answer."""


class StructureError(UserError, ValueError):
    """A structure cannot be built as requested."""


class OtherInputsError(StructureError):
    """What is there was made of other inputs than asked for."""


class StructureWarning(UserWarning):
    """A structure was read, with an assumption or a doubt that its user should know."""


class MissingProgramError(UserError, FileNotFoundError):
    """An external program or package is not installed."""


class MissingEngineError(MissingProgramError):
    """A package or program of an extra is not installed; the message names the extra."""


class RunLockedError(UserError, RuntimeError):
    """Another process works in the same run folder."""


class UnfinishedError(MlipInterfacesError, RuntimeError):
    """A run could not be completed; the same command continues it."""


class ProgramError(UnfinishedError):
    """An external program failed; the message shows the end of its log."""
