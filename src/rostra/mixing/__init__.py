"""Many voices to one; to each speaker, all but their own. Pure: it is told the time."""
