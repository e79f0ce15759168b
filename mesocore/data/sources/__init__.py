"""What a folder of somebody's images holds: label, video, split and mask of each file."""
