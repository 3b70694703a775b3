"""What a head seems to do, with evidence: scores on probes, baselines and a null, and a verdict with its confidence."""
