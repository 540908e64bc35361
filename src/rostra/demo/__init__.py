"""Two voices of our own making, for the room `demo`."""
