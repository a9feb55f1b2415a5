"""Reference populations: scores of human texts with which a document is compared."""

from llm_audit.detectors.populations.datasheet import Datasheet
from llm_audit.detectors.populations.files import check_name, load, names, references, save
from llm_audit.detectors.populations.population import (
    DEFAULT_POPULATION,
    MINIMUM_TOKENS,
    Population,
    among,
    build,
)

__all__ = [
    "DEFAULT_POPULATION",
    "MINIMUM_TOKENS",
    "Datasheet",
    "Population",
    "among",
    "build",
    "check_name",
    "load",
    "names",
    "references",
    "save",
]
