"""The composition roots, one a process: only they know two rooms of the house at once."""
