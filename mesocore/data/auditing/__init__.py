"""Doubting a set: does a trivial feature give the label away, does anything cross a split?"""
