"""Models are built when they are first used: here all of them are, so that none fails before a patient."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from pydantic import BaseModel

import pen_host
from pen_host import models
from pen_host.api import models as api_models


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in model.__subclasses__():
        yield one
        yield from _below(one)


def test_every_model_can_be_built() -> None:
    for found in pkgutil.walk_packages(pen_host.__path__, "pen_host."):
        if ".migrations" not in found.name and not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    bases = (models.Model, api_models.Model)
    built = [one.model_rebuild() for base in bases for one in _below(base)]
    assert len(built) > 100
    assert False not in built
