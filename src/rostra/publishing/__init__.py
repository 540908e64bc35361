"""A file, address or standard input takes a seat and speaks (`rostra publish`)."""
