"""Hostile input: each ``fuzz_*.py`` states what must hold whatever the bytes are; see README.md."""
