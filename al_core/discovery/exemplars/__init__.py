"""Many boxes of like objects from a few that people drew: detectors and short tracks that teach each other."""
