"""Tags on the page: what is in stretches of a video, said without drawing."""
