"""Making a set: sources or a recipe -> matched images, without duplicates, split by group."""
