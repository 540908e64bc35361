"""Bytes in, values out, and back. Nothing here touches a clock, a socket or a loop."""
