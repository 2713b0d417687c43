"""What knows nothing, against scikit-learn; and intervals that belong to people."""

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectstream.multimodal import metrics
from affectstream.multimodal.training.figures import figure
from affectstream.multimodal.training.floors import majority, nearest


def test_the_nearest_neighbour_is_scikit_learn_s() -> None:
    rng = np.random.default_rng(0)
    x, test_x = rng.normal(0, [1, 100, 1], (300, 3)), rng.normal(0, [1, 100, 1], (200, 3))
    x[:, 2] = test_x[:, 2] = 5  # a feature that says nothing
    label = rng.integers(0, 300, 300)
    theirs = make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(x, label).predict(test_x)
    np.testing.assert_array_equal(label[nearest(x, test_x)], theirs)


def test_the_majority_is_of_what_is_known() -> None:
    assert majority(np.array([2, -1, -1, -1, 2, 0])) == 2
    assert majority(np.array([1, 0])) == 0


def test_intervals_are_over_people_not_windows() -> None:
    """Ten copies of each window make no result surer; one person makes none at all."""
    rng = np.random.default_rng(1)
    guess, truth, person = rng.integers(0, 3, 60), rng.integers(0, 3, 60), rng.integers(0, 6, 60)
    once = figure(metrics.accuracy, person, guess, truth)
    assert once == figure(metrics.accuracy, *(np.repeat(column, 10) for column in (person, guess, truth)))
    assert once[1] < once[0] < once[2]
    value, low, high = figure(metrics.accuracy, np.zeros(60), guess, truth)
    assert not np.isnan(value) and np.isnan([low, high]).all()
