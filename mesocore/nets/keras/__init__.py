"""Keras files as layers and arrays: nothing of MesoNet, and no Keras, is needed to read them."""
