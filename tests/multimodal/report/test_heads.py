"""Heads: electrodes where they sit, in the colours of their values, and nothing drawn that was not measured."""

import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from affectstream.encoders.eeg.electrodes import CENTRE, positions
from affectstream.multimodal.montages import DEAP32, MUSE4
from affectstream.multimodal.report.heads import COLOURS, RIM, draw_heads, on_paper

PLACE = on_paper(positions(DEAP32))


def marks(axes: Axes) -> list[NDArray[np.float64]]:
    """Where a head's dots are, and where its crosses."""
    return [np.asarray(c.get_offsets()) for c in axes.collections if isinstance(c, PathCollection)]


def heads(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_title()]


def test_a_place_on_paper_is_the_angle_from_the_vertex_and_the_way_it_lies() -> None:
    for xyz in np.random.default_rng(0).standard_normal((20, 3)):
        ((x, y),) = on_paper((xyz * 0.1 + CENTRE)[None])
        assert math.hypot(x, y) * RIM == pytest.approx(math.degrees(math.acos(xyz[2] / math.hypot(*xyz))))
        assert math.atan2(y, x) == pytest.approx(math.atan2(xyz[1], xyz[0]))
    (f7, fz, t8, oz, tp9) = on_paper(positions(["F7", "Fz", "T8", "Oz", "TP9"]))
    assert f7[0] < -0.5 < 0.4 < f7[1] and fz[1] > 0.2 and t8[0] > 0.8 and oz[1] < -0.6
    assert (np.hypot(*PLACE.T) < 1).all() and np.hypot(*tp9) > 1
    assert np.isnan(on_paper(positions(["elbow"]))).all()


def test_between_electrodes_is_what_lies_between_their_values() -> None:
    """A plane over the paper is interpolated as that plane."""
    values = 0.5 + PLACE @ [0.3, -0.2]
    (axes,) = heads(draw_heads({"plane": values}, DEAP32))
    (image,) = axes.images
    shown = np.ma.asarray(image.get_array())
    left, right, bottom, top = image.get_extent()
    rows, columns = shown.shape
    x, y = np.meshgrid(np.linspace(left, right, columns), np.linspace(bottom, top, rows))
    inside = (np.hypot(x, y) < 0.7) & ~np.ma.getmaskarray(shown)
    assert inside.sum() > 1000
    np.testing.assert_allclose(shown.data[inside], (0.5 + 0.3 * x - 0.2 * y)[inside], atol=0.02)
    assert values.min() - 1e-9 <= shown.min() and shown.max() <= values.max() + 1e-9


def test_every_dot_has_its_own_values_colour_on_one_scale_for_all() -> None:
    first, second = np.linspace(0, 1, 32), np.linspace(0.5, 3, 32)
    figure = draw_heads({"one": first, "two": second}, DEAP32, unit="share of attention")
    for axes, values in zip(heads(figure), (first, second), strict=True):
        dots = next(c for c in axes.collections if isinstance(c, PathCollection))
        np.testing.assert_allclose(np.asarray(dots.get_offsets()), PLACE)
        dots.update_scalarmappable()
        np.testing.assert_allclose(np.asarray(dots.get_facecolor()), colormaps[COLOURS](values / 3), atol=1e-6)
        assert axes.images[0].get_clim() == (0, 3)
        assert {text.get_text() for text in axes.texts} == set(DEAP32)
    (bar,) = [axes for axes in figure.axes if axes.get_ylabel()]
    assert bar.get_ylabel() == "share of attention" and bar.get_ylim() == (0, 3)
    lightness = colormaps[COLOURS](np.linspace(0, 1, 20))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()  # read without colours, too


def test_electrodes_without_a_value_are_crossed_out_and_not_interpolated() -> None:
    values = PLACE[:, 0].copy()
    values[4:8] = np.nan
    (axes,) = heads(draw_heads({"x": values}, DEAP32))
    dots, crosses = marks(axes)
    np.testing.assert_allclose(crosses, PLACE[4:8])
    assert len(dots) == 28 and len(axes.images) == 1


@pytest.mark.parametrize("known", [0, 1, 3, 4])
def test_fewer_than_four_electrodes_are_dots_only(known: int) -> None:
    values = np.r_[np.full(known, 0.5), np.full(4 - known, np.nan)]
    (axes,) = heads(draw_heads({"muse": values}, MUSE4))
    dots, crosses = marks(axes)
    assert (len(dots), len(crosses), len(axes.images)) == (known, 4 - known, int(known == 4))


@pytest.mark.filterwarnings("error")
def test_two_electrodes_in_one_place_are_interpolated_as_their_mean() -> None:
    def shown(names: tuple[str, ...], values: list[float]) -> NDArray[np.float64]:
        (axes,) = heads(draw_heads({"head": values}, names))
        return np.ma.filled(np.ma.asarray(axes.images[0].get_array(), float), 0)

    twice = shown(("Cz", "Fz", "Oz", "T8", "T3", "T7"), [0.0, 1.0, 2.0, 3.0, 0.0, 1.0])
    np.testing.assert_allclose(twice, shown(("Cz", "Fz", "Oz", "T8", "T7"), [0.0, 1.0, 2.0, 3.0, 0.5]), atol=1e-5)
    (axes,) = heads(draw_heads({"head": [1.0, 2.0, 3.0, 4.0]}, ("T3", "T7", "Cz", "Oz")))
    assert not axes.images and len(marks(axes)[0]) == 4


def test_electrodes_whose_place_is_unknown_are_named_and_do_not_stretch_the_scale(tmp_path: Path) -> None:
    figure = draw_heads({"head": [0.1, 0.2, 0.3, 0.4, 9.0]}, (*MUSE4, "CB1"))
    assert figure.get_supxlabel() == "place not known: CB1"
    (axes,) = heads(figure)
    assert len(marks(axes)[0]) == 4 and axes.images[0].get_clim() == (0.1, 0.4)
    figure.savefig(tmp_path / "head.png")
    assert (tmp_path / "head.png").read_bytes()[1:4] == b"PNG"
    nowhere = draw_heads({"head": [1.0, 2.0]}, ("elbow", "knee"))
    assert nowhere.get_supxlabel() == "place not known: elbow, knee" and not heads(nowhere)[0].images


def test_many_heads_are_wrapped_into_rows() -> None:
    figure = draw_heads({f"block {k}": np.full(32, float(k)) for k in range(7)}, DEAP32)
    assert [axes.get_title() for axes in heads(figure)] == [f"block {k}" for k in range(7)]
    rows = {round(axes.get_subplotspec().rowspan.start) for axes in heads(figure)}  # pyright: ignore[reportOptionalMemberAccess]
    assert rows == {0, 1}


def test_what_cannot_be_drawn_is_refused() -> None:
    for values, match in (
        ({}, "no values"),
        ({"short": np.ones(3)}, r"'short' has shape \(3,\); wanted one value for each of 4"),
        ({"wild": [1, 2, 3, np.inf]}, "infinities"),
    ):
        with pytest.raises(ValueError, match=match):
            draw_heads(values, MUSE4)
