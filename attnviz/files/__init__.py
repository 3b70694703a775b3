"""What is read from disk and written to it: weights of other programs, saved views, whole traces."""
