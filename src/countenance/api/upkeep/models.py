"""The models that a home can use. Read only: adding one is running code, and one is chosen once it was measured."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import Path
from pydantic import ConfigDict, Field
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations
from countenance.api.paging import After, Limit, Page, page
from countenance.api.shapes import Shape
from countenance.app.access.identity import Right
from countenance.app.upkeep import models

router = operations("models")
Looking = Annotated[ApiContext, may(Right.OVERSEE, Right.MANAGE)]
ModelName = Annotated[str, Path(min_length=1, max_length=200, description="The model's name.")]
EXAMPLE: Final[Any] = {
    "name": "sface-2021dec", "task": "embed", "licence": "Apache-2.0",
    "sha256": "200708a9d948eff8e73a60f98b9a9de1e0cb908fe06819df42a0bdc26493ef3b", "dimension": 128, "own": False,
    "calibration": "31bfebdb5f8b", "in_use": "searches",
}  # fmt: skip


class ModelLine(Shape):
    """A model, and what the home uses it for."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: str
    task: Literal["detect", "embed"] = Field(description="Finds faces, or makes templates of them.")
    licence: str
    sha256: str = Field(description="Of its weights.")
    dimension: int | None = Field(description="Of its templates; null: it makes none.")
    own: bool = Field(description="It was brought, and did not come with Countenance.")
    calibration: str | None = Field(description="The id of its calibration; null: it has none, or needs none.")
    in_use: str = Field(description="For what the home uses it now; empty: for nothing.")


class ModelsPage(Page[ModelLine]):
    """Models, by name."""


class ModelShown(ModelLine):
    """All that is known of a model."""

    mean: list[float] = Field(description="What is taken off each channel.")
    std: list[float] = Field(description="And what it is divided by.")
    colour_order: str
    layout: str
    input_size: list[int] | None = Field(None, description="Width and height of the crop that it takes.")
    template: list[list[float]] | None = Field(None, description="Where eyes, nose and mouth are put in it.")
    origin: str | None = None
    paper: str | None = None
    training_data: str | None = None


@operation(router, "GET", "/models", answer=ModelsPage)
async def list_models(ask: Looking, limit: Limit = 100, after: After = None) -> Response:
    """The models, by name: those that came with Countenance, and those that were brought."""
    return answer(page(await ask.call(models.list_models, ask.home), lambda each: (each["name"],), limit, after))


@operation(router, "GET", "/models/{name}", answer=ModelShown)
async def show_model(ask: Looking, name: ModelName) -> Response:
    """One model: how it is fed, where it is from, under which licence."""
    return answer(await ask.call(models.show_model, ask.home, name))
