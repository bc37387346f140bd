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
    task: Literal["detect", "embed"] = Field(description="detect: finds faces. embed: makes templates of faces.")
    licence: str
    sha256: str = Field(description="The sha256 of its weights.")
    dimension: int | None = Field(description="The size of its templates. Null: it makes none.")
    own: bool = Field(description="You added it; it did not come with Countenance.")
    calibration: str | None = Field(description="The ID of its calibration. Null: it has none or needs none.")
    in_use: str = Field(description="How the home uses it now. Empty: it is not used.")


class ModelShown(ModelLine):
    """All that is known of a model."""

    mean: list[float] = Field(description="The value subtracted from each channel.")
    std: list[float] = Field(description="The value that each channel is then divided by.")
    colour_order: str
    layout: str
    input_size: list[int] | None = Field(None, description="The width and height of its input crop.")
    template: list[list[float]] | None = Field(None, description="The positions of eyes, nose and mouth in the crop.")
    origin: str | None = None
    paper: str | None = None
    training_data: str | None = None


@operation(router, "GET", "/models", answer=Page[ModelLine])
async def list_models(ask: Looking, limit: Limit = 100, after: After = None) -> Response:
    """List the models by name: the shipped ones and your own."""
    return answer(page(await ask.call(ask.home.models.all), lambda each: (each["name"],), limit, after))


@operation(router, "GET", "/models/{name}", answer=ModelShown)
async def show_model(ask: Looking, name: ModelName) -> Response:
    """Show one model: its input, its origin and its licence."""
    return answer(await ask.call(ask.home.models.get, name))
