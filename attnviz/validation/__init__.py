"""The proof: our attention against transformers' own, head by head."""
