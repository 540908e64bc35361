"""NATS: subjects, messages, the live window, the room records."""
