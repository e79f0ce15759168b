"""Training the style-based generator: scripts/train_stylegan.py made what the package ships."""
