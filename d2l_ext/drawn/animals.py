"""Cats and dogs drawn with Pillow: the animals of the embedded data set.

Each function returns one animal as an RGBA picture, cropped to the animal.
Shapes are given in a unit square with (0, 0) at its upper left, so the same
code draws an animal of any size.
"""
from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

__all__ = ['draw_cat', 'draw_dog']

# (coat, marking, pale parts), red, green, blue
_CAT_COATS = [
    ((236, 150, 62), (190, 98, 30), (255, 236, 208)),    # ginger
    ((150, 152, 160), (96, 98, 108), (232, 232, 236)),   # grey
    ((58, 54, 62), (34, 31, 38), (110, 104, 116)),       # black
    ((244, 240, 234), (214, 160, 104), (255, 255, 255)),  # white
    ((226, 206, 178), (96, 70, 58), (246, 236, 220)),    # Siamese
    ((160, 122, 84), (92, 64, 42), (226, 204, 176)),     # tabby
    ((196, 180, 214), (150, 132, 176), (240, 232, 246)),  # lilac
]
_DOG_COATS = [
    ((178, 118, 66), (112, 68, 36), (248, 228, 196)),    # brown
    ((230, 188, 120), (190, 138, 70), (255, 244, 220)),  # golden
    ((70, 60, 58), (40, 34, 34), (196, 132, 76)),        # black and tan
    ((246, 242, 234), (150, 104, 66), (255, 255, 255)),  # white
    ((202, 200, 200), (120, 118, 122), (246, 246, 246)),  # grey
    ((148, 70, 42), (98, 42, 26), (240, 200, 160)),      # red
    ((240, 214, 178), (160, 126, 90), (255, 246, 230)),  # cream
]
_EYES = [(112, 190, 70), (240, 190, 50), (80, 164, 220), (196, 140, 40)]
_COLLARS = [(214, 48, 60), (40, 110, 210), (30, 160, 110), (240, 130, 20),
            (150, 60, 190)]
_DARK = (38, 28, 30)
_PINK = (240, 140, 150)


class _Pen:
    """Draws in unit coordinates on a square RGBA canvas of `side` pixels."""

    def __init__(self, side: int):
        self.side = side
        self.image = Image.new('RGBA', (side, side))
        self._draw = ImageDraw.Draw(self.image)

    def _pixels(self, points):
        return [(x * self.side, y * self.side) for x, y in points]

    def _width(self, width):
        return max(1, round(width * self.side))

    def oval(self, x, y, rx, ry, fill, outline=None, width=.012):
        self._draw.ellipse(
            self._pixels([(x - rx, y - ry), (x + rx, y + ry)]), fill,
            outline, self._width(width) if outline else 1)

    def turned_oval(self, x, y, rx, ry, degrees, fill, outline=None):
        angle = np.deg2rad(degrees)
        t = np.linspace(0, 2 * np.pi, 48)
        u, v = rx * np.cos(t), ry * np.sin(t)
        points = zip(x + u * np.cos(angle) - v * np.sin(angle),
                     y + u * np.sin(angle) + v * np.cos(angle))
        self.shape(points, fill, outline)

    def shape(self, points, fill, outline=None):
        points = self._pixels(points)
        self._draw.polygon(points, fill)
        if outline:
            self._draw.line(points + points[:2], outline,
                            self._width(.012), joint='curve')

    def line(self, points, fill, width=.012):
        self._draw.line(self._pixels(points), fill, self._width(width),
                        joint='curve')

    def arc(self, x, y, rx, ry, start, end, fill, width=.014):
        self._draw.arc(
            self._pixels([(x - rx, y - ry), (x + rx, y + ry)]), start, end,
            fill, self._width(width))


def _mix(a, b, share):
    """The colour that is `share` of the way from `a` to `b`."""
    return tuple(round(p + (q - p) * share) for p, q in zip(a, b))


def _choice(rng, options):
    return options[rng.integers(len(options))]


def _tint(rng, colors):
    """The colours of a coat, all shifted alike, so that no two are equal."""
    shift = rng.normal(0, 9, 3)
    return [tuple(int(np.clip(c + s, 0, 255)) for c, s in zip(color, shift))
            for color in colors]


def _curve(start, bend, end, n=24):
    """Points of the quadratic Bezier curve from `start` to `end`."""
    t = np.linspace(0, 1, n)[:, None]
    start, bend, end = (np.array(p) for p in (start, bend, end))
    points = (1 - t)**2 * start + 2 * t * (1 - t) * bend + t**2 * end
    return [tuple(p) for p in points]


def _eye(pen, x, y, r, iris, slit, look):
    pen.oval(x, y, r, r * 1.08, (252, 252, 250), _DARK, .010)
    x = x + look * r * .25
    pen.oval(x, y, r * .80, r * .88, iris)
    pen.oval(x, y, r * (.26 if slit else .56), r * .74, _DARK)
    pen.oval(x - r * .28, y - r * .36, r * .26, r * .26, (255, 255, 255))
    pen.oval(x + r * .30, y + r * .34, r * .12, r * .12, (255, 255, 255))


def _body(pen, rng, coat, mark, pale, outline):
    """A sitting body below the head; the tail is drawn by the caller."""
    pen.shape(_curve((.30, .62), (.14, 1.02), (.34, .97))
              + _curve((.66, .97), (.86, 1.02), (.70, .62)), coat, outline)
    pen.oval(.50, .80, .115, .15, pale)
    for x in (.395, .605):
        pen.oval(x, .945, .085, .048, _mix(coat, pale, .55), outline)
        for toe in (-.03, .0, .03):
            pen.line([(x + toe, .950), (x + toe, .975)], outline, .008)
    if rng.random() < .6:
        color = _choice(rng, _COLLARS)
        pen.arc(.50, .58, .20, .13, 25, 155, color, .038)
        pen.oval(.50, .725, .034, .034, (250, 206, 70), _mix(color, _DARK,
                                                             .4))


def _finish(pen: _Pen) -> Image.Image:
    """Light from the upper left, a soft shadow at the lower right."""
    image = pen.image
    alpha = image.getchannel('A')
    side = pen.side
    y, x = np.mgrid[0:side:16, 0:side:16] / side
    light = 1.16 - .34 * (.45 * x + .55 * y)
    light = Image.fromarray(np.uint8(np.clip(light * 128, 0, 255)))
    light = np.asarray(light.resize((side, side), Image.Resampling.BILINEAR))
    color = np.asarray(image.convert('RGB')).astype(np.uint16)
    color = np.minimum(color * light[..., None] >> 7, 255).astype(np.uint8)
    image = Image.fromarray(color)
    image.putalpha(alpha)
    return image.crop(image.getbbox())


def _cat_tail(pen, rng, coat, mark, outline):
    tail = _curve((.70, .90), (1.10, .92), (.90, rng.uniform(.30, .62)))
    pen.line(tail, outline, .090)
    pen.line(tail, coat, .066)
    for point in (tail[-1], tail[-2], tail[-3]):
        pen.oval(*point, .033, .033, mark)


def _cat_ears(pen, up, wide, ear, fur, skin, outline):
    for sign in (-1, 1):
        tip = (.50 + sign * (.27 + ear) * wide, .02 + up + ear * .4)
        outer = (.50 + sign * .32 * wide, .33 + up)
        inner = (.50 + sign * .07 * wide, .16 + up)
        points = (_curve(outer, (.50 + sign * .37, .14 + up), tip, 10)
                  + _curve(tip, (.50 + sign * .18, .05 + up), inner, 10))
        pen.shape(points, fur, outline)
        center = np.mean([tip, outer, inner], axis=0)
        pen.shape([tuple(center + .55 * (np.array(p) - center))
                   for p in points], skin)


def _cat_head(pen, y, wide, coat, outline):
    for sign in (-1, 1):   # tufts of the cheeks
        x = .50 + sign * .30 * wide
        pen.shape([(x, y - .02), (x + sign * .085, y + .075),
                   (x + sign * .01, y + .09), (x + sign * .045, y + .15),
                   (x - sign * .12, y + .17)], coat, outline)
    pen.oval(.50, y, .335 * wide, .275, coat, outline)


def _cat_stripes(pen, y, wide, mark):
    for x, length in ((.42, .09), (.50, .13), (.58, .09)):
        pen.line([(x, y - .262), (.50 + (x - .50) * .7,
                                  y - .262 + length)], mark, .034)
    for sign in (-1, 1):
        for dy in (-.02, .06):
            pen.line([(.50 + sign * .325 * wide, y + dy),
                      (.50 + sign * .235 * wide, y + dy + .02)],
                     mark, .026)


def _cat_muzzle(pen, y, color):
    for sign in (-1, 1):
        pen.oval(.50 + sign * .055, y + .135, .075, .060, color)
    pen.shape([(.462, y + .082), (.538, y + .082), (.50, y + .122)], _PINK,
              _mix(_PINK, _DARK, .5))
    for sign in (-1, 1):
        pen.arc(.50 + sign * .038, y + .135, .038, .034,
                0 if sign < 0 else 20, 160 if sign < 0 else 180, _DARK)


def _cat_whiskers(pen, y, color):
    for sign in (-1, 1):
        for dy in (-.045, .0, .045):
            pen.line([(.50 + sign * .10, y + .125 + dy * .5),
                      (.50 + sign * .39, y + .105 + dy * 1.5)], color, .009)


def draw_cat(rng: np.random.Generator, side: int,
             sitting: bool = False) -> Image.Image:
    """Draw a cat: pointed ears, slit pupils, whiskers.

    Parameters
    ----------
    rng
        Decides coat, markings and expression.
    side
        Pixels of the unit square; the cat itself is a little smaller.
    sitting
        Whether to draw a body below the head.

    Returns
    -------
    PIL.Image.Image
        RGBA picture, cropped to the cat and transparent around it.
    """
    kind = rng.integers(len(_CAT_COATS))
    coat, mark, pale = _tint(rng, _CAT_COATS[kind])
    outline = _mix(coat, _DARK, .62)
    siamese, plain = kind == 4, kind in (2, 3, 6)
    look = rng.uniform(-1, 1)
    pen = _Pen(side)
    if sitting:
        _cat_tail(pen, rng, coat, mark, outline)
        _body(pen, rng, coat, mark, pale, outline)
    up = 0. if sitting else .14   # the head sits lower when it is alone
    y, wide = .38 + up, rng.uniform(.95, 1.05)
    _cat_ears(pen, up, wide, rng.uniform(-.02, .05),
              mark if siamese else coat, _mix(_PINK, coat, .25), outline)
    _cat_head(pen, y, wide, coat, outline)
    if siamese:
        pen.oval(.50, y + .08, .19, .16, mark)
    elif plain and rng.random() < .5:
        pen.turned_oval(.36, y - .10, .12, .10, 20, mark)
    else:
        _cat_stripes(pen, y, wide, mark)
    iris = (90, 170, 230) if siamese else _choice(rng, _EYES)
    for sign in (-1, 1):
        _eye(pen, .50 + sign * .145, y - .015, .076, iris, True, look)
    _cat_muzzle(pen, y, _mix(mark, _DARK, .3) if siamese else pale)
    _cat_whiskers(pen, y, (250, 250, 250) if sum(coat) < 420 else
                  _mix(coat, _DARK, .7))
    return _finish(pen)


def _dog_tail(pen, rng, coat, pale, outline):
    sign = _choice(rng, (-1, 1))
    tail = _curve((.50 + sign * .20, .90), (.50 + sign * .36, .90),
                  (.50 + sign * .40, rng.uniform(.66, .78)))
    pen.line(tail, outline, .080)
    pen.line(tail, coat, .056)
    pen.oval(*tail[-1], .034, .034, pale)


def _dog_muzzle(pen, y, pale, tongue):
    if tongue:   # behind the muzzle
        pen.oval(.50, y + .235, .052, .075, (240, 110, 124),
                 (178, 60, 80))
        pen.line([(.50, y + .20), (.50, y + .275)], (200, 76, 96), .009)
    pen.oval(.50, y + .125, .165, .115, pale, _mix(pale, _DARK, .35), .008)
    pen.oval(.50, y + .065, .070, .050, _DARK)
    pen.oval(.478, y + .048, .022, .013, (150, 144, 150))
    pen.line([(.50, y + .11), (.50, y + .155)], _DARK, .014)
    for sign in (-1, 1):
        pen.arc(.50 + sign * .055, y + .15, .055, .045, 10, 170, _DARK)


def draw_dog(rng: np.random.Generator, side: int,
             sitting: bool = False) -> Image.Image:
    """Draw a dog: hanging ears, a broad muzzle, a tongue.

    Parameters and result are those of `draw_cat`.
    """
    coat, mark, pale = _tint(rng, _choice(rng, _DOG_COATS))
    outline = _mix(coat, _DARK, .62)
    look = rng.uniform(-1, 1)
    pen = _Pen(side)
    if sitting:
        _dog_tail(pen, rng, coat, pale, outline)
        _body(pen, rng, coat, mark, pale, outline)
    y = .36 if sitting else .48
    wide = rng.uniform(.95, 1.05)
    pen.oval(.50, y, .285 * wide, .285, coat, outline)
    if rng.random() < .45:
        sign = _choice(rng, (-1, 1))
        pen.turned_oval(.50 + sign * .125, y - .06, .10, .125, sign * 15,
                        mark)
    else:
        pen.turned_oval(.50, y - .13, .045, .13, 0, _mix(coat, pale, .7))
    swing, length = rng.uniform(8, 26), rng.uniform(.19, .25)
    for sign in (-1, 1):
        pen.turned_oval(.50 + sign * .295 * wide, y + .02, .095, length,
                        -sign * swing, mark, _mix(mark, _DARK, .6))
    for sign in (-1, 1):
        _eye(pen, .50 + sign * .125, y - .045, .058, (96, 58, 34), False,
             look)
        pen.turned_oval(.50 + sign * .125, y - .135, .045, .018, sign * 12,
                        _mix(mark, _DARK, .25))
    _dog_muzzle(pen, y, pale, tongue=rng.random() < .7)
    return _finish(pen)
