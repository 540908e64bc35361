"""Starts the processes, watches them, starts them again, ends them."""
