"""Pictures of strangers, made small and harmless: decoded, stripped and encoded anew in a process that can die.

``sniff`` says what bytes are, ``workshop`` starts the child and watches it; ``child`` is its driver, ``recode`` and
``drawing`` are what it does with Pillow, which is never imported elsewhere (docs/decisions/0007-catalog.md).
"""

from rostra.pictures.workshop import MAX_PICTURE_BYTES, card, prepare

__all__ = ["MAX_PICTURE_BYTES", "card", "prepare"]
