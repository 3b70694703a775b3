"""Which models there are, how one gets into memory, and how it reads a text."""
