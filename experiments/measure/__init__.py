"""Measurements of runs and pictures that are there: nothing is trained."""
