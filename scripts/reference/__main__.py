"""Writes docs/reference, or with --check tells which of its pages are stale."""

import sys

from scripts.reference.pages import main

sys.exit(main())
