"""Busy backgrounds for the animals of the embedded data set.

Every scene is an RGB picture with shapes that look a little like parts of an
animal (round, furry, pointed), so it is not enough for a detector to find
anything that stands out.
"""
from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

__all__ = ['draw_scene']


def _color(rng, low=40, high=235):
    return tuple(int(c) for c in rng.integers(low, high, 3))


def _clouds(rng, width, height, contrast=75):
    """Smooth noise in three octaves around a random colour."""
    total = np.zeros((height, width, 3), np.float32)
    for cells, weight in ((2, .6), (5, .3), (16, .18)):
        shape = (cells + 2, cells + 2, 3)
        noise = np.uint8(rng.integers(0, 256, shape))
        layer = Image.fromarray(noise).resize((width, height),
                                              Image.Resampling.BICUBIC)
        total += weight * (np.asarray(layer, np.float32) / 127.5 - 1)
    base = np.array(_color(rng, 70, 200), np.float32)
    return Image.fromarray(
        np.uint8(np.clip(base + contrast * total, 0, 255)))


def _meadow(rng, width, height):
    """Sky, hills, grass and flowers."""
    top = np.array(rng.choice([(110, 180, 240), (250, 190, 150),
                               (160, 200, 220), (60, 70, 130)]))
    fade = np.linspace(0, 1, height)[:, None, None]
    sky = np.broadcast_to(top * (1 - fade) + 235 * fade, (height, width, 3))
    image = Image.fromarray(np.uint8(sky))
    draw = ImageDraw.Draw(image)
    x, y, r = rng.uniform(0, width), rng.uniform(0, .3) * height, width * .08
    draw.ellipse([x - r, y - r, x + r, y + r], (255, 236, 150))
    for _ in range(rng.integers(1, 4)):
        x, y = rng.uniform(0, width), rng.uniform(.05, .35) * height
        for dx in (-1, 0, 1):
            r = rng.uniform(.04, .08) * width
            draw.ellipse([x + dx * r - r, y - r * .7, x + dx * r + r,
                          y + r * .7], (250, 250, 252))
    horizon = rng.uniform(.35, .6)
    green = np.array([rng.integers(60, 140), rng.integers(140, 200),
                      rng.integers(40, 100)])
    for layer in range(3):
        t = np.linspace(0, 1, 40)
        hill = horizon + .16 * layer + .06 * np.sin(
            2 * np.pi * (t * rng.uniform(.5, 1.6) + rng.uniform()))
        points = list(zip(t * width, hill * height))
        draw.polygon([*points, (width, height), (0, height)],
                     tuple(int(c) for c in green * (.7 + .15 * layer)))
    for _ in range(rng.integers(60, 140)):
        x, y = rng.uniform(0, width), rng.uniform(horizon + .1, 1) * height
        draw.line([(x, y), (x + rng.uniform(-3, 3), y - rng.uniform(4, 9))],
                  tuple(int(c) for c in green * rng.uniform(.5, 1.2)))
    for _ in range(rng.integers(5, 25)):
        x, y = rng.uniform(0, width), rng.uniform(horizon + .15, 1) * height
        _flower(rng, draw, x, y, rng.uniform(2, 6))
    return image


def _room(rng, width, height):
    """Striped or dotted wallpaper above a wooden floor."""
    wall, spot = _color(rng, 90, 235), _color(rng, 60, 255)
    image = Image.new('RGB', (width, height), wall)
    draw = ImageDraw.Draw(image)
    step = int(rng.integers(14, 44))
    if rng.random() < .5:
        for x in range(0, width, step):
            draw.rectangle([x, 0, x + step * .4, height], spot)
    else:
        for row, y in enumerate(range(0, height, step)):
            for x in range(row % 2 * step // 2, width, step):
                r = step * .22
                draw.ellipse([x - r, y - r, x + r, y + r], spot)
    floor = int(height * rng.uniform(.55, .85))
    wood = np.array([rng.integers(120, 200), rng.integers(80, 130),
                     rng.integers(40, 90)])
    for y in range(floor, height, 12):
        plank = tuple(int(c) for c in wood * rng.uniform(.8, 1.1))
        draw.rectangle([0, y, width, y + 11], plank)
    draw.rectangle([0, floor - 5, width, floor], (245, 240, 230))
    return image


def _blanket(rng, width, height):
    """A plaid of crossing, half transparent stripes."""
    image = Image.new('RGB', (width, height), _color(rng))
    draw = ImageDraw.Draw(image, 'RGBA')
    for _ in range(rng.integers(3, 6)):
        color = (*_color(rng), 110)
        step, wide = rng.integers(30, 90), rng.integers(5, 24)
        for x in range(int(rng.integers(0, step)), width, int(step)):
            draw.rectangle([x, 0, x + wide, height], color)
        for y in range(int(rng.integers(0, step)), height, int(step)):
            draw.rectangle([0, y, width, y + wide], color)
    return image


def _flower(rng, draw, x, y, r):
    petal = _color(rng, 120, 255)
    for angle in np.linspace(0, 2 * np.pi, 6)[:-1] + rng.uniform(0, 1):
        u, v = x + r * np.cos(angle), y + r * np.sin(angle)
        draw.ellipse([u - r * .7, v - r * .7, u + r * .7, v + r * .7], petal)
    draw.ellipse([x - r * .6, y - r * .6, x + r * .6, y + r * .6],
                 (250, 210, 60))


def _ball(rng, draw, x, y, r):
    draw.ellipse([x - r, y - r, x + r, y + r], _color(rng), (30, 30, 30))
    draw.arc([x - r * 1.6, y - r, x + r * .4, y + r], 300, 60,
             (250, 250, 250), 2)
    draw.arc([x - r * .4, y - r, x + r * 1.6, y + r], 120, 240,
             (250, 250, 250), 2)


def _yarn(rng, draw, x, y, r):
    color = np.array(_color(rng, 100, 240))
    dark = tuple(int(c) for c in color * .65)
    draw.ellipse([x - r, y - r, x + r, y + r], tuple(color.tolist()))
    for share in (.9, .6, .3):
        start = int(rng.integers(0, 360))
        draw.arc([x - r, y - r * share, x + r, y + r * share], start,
                 start + 200, dark, 2)
        draw.arc([x - r * share, y - r, x + r * share, y + r], start,
                 start + 200, dark, 2)


def _bone(rng, draw, x, y, r):
    white, edge = (246, 240, 224), (150, 140, 120)
    a, k = rng.uniform(0, np.pi), r * .32
    for end in (-1, 1):
        for side in (-1, 1):
            u = x + end * r * np.cos(a) - side * k * np.sin(a)
            v = y + end * r * np.sin(a) + side * k * np.cos(a)
            draw.ellipse([u - k, v - k, u + k, v + k], white, edge)
    draw.line([(x - r * np.cos(a), y - r * np.sin(a)),
               (x + r * np.cos(a), y + r * np.sin(a))], white, int(k * 1.4))


def _fish(rng, draw, x, y, r):
    color = _color(rng, 90, 240)
    sign = rng.choice((-1, 1))
    draw.polygon([(x + sign * r * .7, y), (x + sign * r * 1.4, y - r * .5),
                  (x + sign * r * 1.4, y + r * .5)], color)
    draw.ellipse([x - r, y - r * .55, x + r, y + r * .55], color,
                 (40, 40, 40))
    draw.ellipse([x - sign * r * .55 - 2, y - 4, x - sign * r * .55 + 2, y],
                 (20, 20, 20))


def _frame(rng, draw, x, y, r):
    ratio = rng.uniform(.4, 2.4)
    draw.rectangle([x - r * ratio, y - r, x + r * ratio, y + r], None,
                   _color(rng), int(rng.integers(2, 6)))


def _tent(rng, draw, x, y, r):
    draw.polygon([(x - r, y + r), (x + rng.uniform(-.4, .4) * r, y - r),
                  (x + r, y + r)], _color(rng), (40, 40, 40))


_SCENES = (_clouds, _meadow, _room, _blanket)
_THINGS = (_flower, _ball, _yarn, _bone, _fish, _frame, _tent)


def draw_scene(rng: np.random.Generator, width: int,
               height: int) -> Image.Image:
    """Draw a background with distractors.

    Parameters
    ----------
    rng
        Source of everything random.
    width, height
        Size of the picture in pixels.

    Returns
    -------
    PIL.Image.Image
        RGB picture without animals.
    """
    image = _SCENES[rng.integers(len(_SCENES))](rng, width, height)
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(2, 8)):
        thing = _THINGS[rng.integers(len(_THINGS))]
        thing(rng, draw, rng.uniform(0, width), rng.uniform(0, height),
              rng.uniform(.03, .12) * min(width, height))
    return image
