"""A student of the motion teacher that learns from video on four scales, after MuG, without any label."""
