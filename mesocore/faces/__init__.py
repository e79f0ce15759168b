"""Faces that nobody has: synthetic photographs, a style-based generator, and retouching.

Arrays and tensors in, arrays and tensors out; what a training set is made of is `data`'s business.
"""

from mesocore._lazy import exports

__all__ = [
    "EDITS", "Face", "crop_to_face", "find_faces", "generate", "render", "retouch", "snapshots",
]  # fmt: skip

__getattr__, __dir__ = exports(
    __name__,
    ("gan",),
    blending=[],
    camera=[],
    face_finder=["crop_to_face", "find_faces"],
    facial_features=[],
    landmarks=["Face"],
    random_edits=["EDITS", "retouch"],
    rendering=["render", "snapshots"],
    retouching=[],
    scene=[],
    self_blending=[],
    stylegan=["generate"],
)
