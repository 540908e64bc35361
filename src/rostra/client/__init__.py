"""A client of the stage door's API for programs; ``rostra room`` is one.

>>> with RostraClient("http://127.0.0.1:8081", token) as rostra:
...     room = rostra.create_room("Evening talk", at="2031-05-01T19:30", tz="Europe/Berlin")
...     print(room.links["public"])
"""

from rostra.client.answers import (
    Appointed,
    Hand,
    Invitation,
    Links,
    Lowering,
    Me,
    PersonalLink,
    Post,
    Reissued,
    Removed,
    Report,
    Room,
    Seat,
    SeatTaken,
    Stage,
)
from rostra.client.client import RostraClient

__all__ = [
    "Appointed",
    "Hand",
    "Invitation",
    "Links",
    "Lowering",
    "Me",
    "PersonalLink",
    "Post",
    "Reissued",
    "Removed",
    "Report",
    "Room",
    "RostraClient",
    "Seat",
    "SeatTaken",
    "Stage",
]
