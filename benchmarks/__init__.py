"""Measured side by side with published numbers and gold answers; each module is one command."""
