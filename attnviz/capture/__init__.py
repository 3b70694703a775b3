"""One forward pass to a Trace; the one package that touches transformers' internals."""
