"""Who may speak, and how their sound comes in: seats, WHIP, WHEP, source clients, the jitter buffer."""
