"""What the Learn pages show: their numbers and their figures."""
