"""A page of one file that finds faces in pictures and judges them in the browser."""

from mesocore._lazy import exports

__all__ = ["page_html", "write_page"]

__getattr__, __dir__ = exports(__name__, writing=["page_html", "write_page"])
