"""One adapter per trajectory format; each yields frames in file order."""

from mlip_interfaces.trajectory.formats.dispatch import is_text_dump, read_frames

__all__ = ["is_text_dump", "read_frames"]
