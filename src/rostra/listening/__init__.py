"""A listener of our own, which measures what it hears (`rostra listen`)."""
