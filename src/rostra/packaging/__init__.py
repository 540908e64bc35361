"""Encoded frames to parts, segments, the live window and playlists. Pure."""
