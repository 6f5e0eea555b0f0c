"""Trains a pipeline and counts what is fitted; at the second source it waits to be killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from persx.app.trainer import train
from persx.recommend.recommenders.popularity import Popularity

fits = 0


def main(home: str, pipeline: str, waits: str = "") -> None:
    fit = Popularity.fit

    def counted(self: Popularity, *arguments: Any) -> Any:
        global fits
        fits += 1
        if waits and fits == 2:
            Path(waits).touch()
            time.sleep(600)
        return fit(self, *arguments)

    Popularity.fit = counted  # type: ignore[method-assign]
    done = train(Path(home), pipeline)
    print(fits, done.active)


if __name__ == "__main__":
    main(*sys.argv[1:])
