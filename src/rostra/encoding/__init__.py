"""PCM to Opus, AAC and MP3."""
