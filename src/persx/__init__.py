"""persx: decide what each visitor sees, prove whether it helped, say when it stops helping."""

__version__ = "0.1.0"
