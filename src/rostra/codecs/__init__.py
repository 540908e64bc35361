"""Codec libraries behind small typed faces, for whoever decodes (stage, listening) or encodes (encoding)."""
