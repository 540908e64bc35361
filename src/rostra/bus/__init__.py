"""NATS: subjects, messages, the live window, the room records."""

from rostra.bus.client import Bus

__all__ = ["Bus"]
