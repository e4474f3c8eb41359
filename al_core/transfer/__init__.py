"""Labels of masks, brought to the points of a lidar that saw the same scene."""
