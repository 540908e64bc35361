"""Parts to listeners: push, LL-HLS, MP3, state and pages."""
