"""Photographs of nobody: a scalp is drawn from dots and strokes, so that a demonstration has something to lay side by side."""

from __future__ import annotations

import random
from pathlib import Path

SIZE_PX = 720
SEED = 7
_SKIN = (214, 178, 152)
_HAIR = (62, 44, 34)


def draw_scalp(path: Path, hairs: int) -> Path:
    """Draws a target area with so many hairs, and says in the picture that it is drawn.

    Args:
        path: A PNG file; its folder exists.
        hairs: How many.
    """
    from PIL import Image, ImageDraw, ImageFilter

    drawn = random.Random(SEED)  # noqa: S311 - a picture, no secret
    picture = Image.new("RGB", (SIZE_PX, SIZE_PX), _SKIN)
    pen = ImageDraw.Draw(picture)
    for _ in range(2_500):
        x, y = drawn.randrange(SIZE_PX), drawn.randrange(SIZE_PX)
        shade = drawn.randrange(-9, 10)
        pen.ellipse((x, y, x + 5, y + 5), fill=tuple(part + shade for part in _SKIN))
    picture = picture.filter(ImageFilter.GaussianBlur(2))
    pen = ImageDraw.Draw(picture)
    for _ in range(hairs):
        x, y = drawn.randrange(SIZE_PX), drawn.randrange(SIZE_PX)
        length, lean = drawn.randrange(60, 110), drawn.randrange(-40, 15)
        pen.line((x, y, x + lean, y + length), fill=_HAIR, width=drawn.choice((2, 3)))
    margin = SIZE_PX // 8
    pen.rectangle((margin, margin, SIZE_PX - margin, SIZE_PX - margin), outline=(24, 90, 140), width=3)
    pen.rectangle((0, 0, 236, 30), fill=(255, 255, 255))
    pen.text((8, 8), "drawn by the demonstration", fill=(0, 0, 0))
    picture.save(path, "PNG")
    return path
