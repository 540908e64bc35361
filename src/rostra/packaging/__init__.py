"""Encoded frames to parts (``packager``, the stage's side), parts to the live window and its playlists (``window``,
``room``, the edge's side). Pure: no clock, no socket, no loop.
"""

from rostra.packaging.packager import Packager, first_sequence
from rostra.packaging.room import RoomWindows
from rostra.packaging.window import Backlog, LiveWindow, Rendered

__all__ = ["Backlog", "LiveWindow", "Packager", "Rendered", "RoomWindows", "first_sequence"]
