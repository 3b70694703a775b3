"""What is drawn of weights: a map of a head or of several, the options that shape it, and numbers of every head."""
