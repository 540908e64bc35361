"""The catalog: what is announced, who was invited, who will come, what was posted and what was reported, in SQL.

Synchronous, safe to use from several threads, and each method is one transaction. Only the studio has it; edges and
stages never wait for a database (docs/decisions/0007-catalog.md).

``tables`` is the schema, ``migrations`` brings a database to it, ``engine`` opens one; ``announced``, ``people``,
``letters``, ``posts`` and ``answers`` are what can be done to it within a transaction, ``store`` puts them together.
"""

from rostra.catalog.store import Catalog
from rostra.catalog.values import Invitation, Report, SeatNote

__all__ = ["Catalog", "Invitation", "Report", "SeatNote"]
