"""The n-grams are scikit-learn's own, computed faster for one text at a time; vectors are kept between trainings."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from nlu import features
from nlu.features import VectorCache, _Ngrams, normalise

TEXTS = [
    "Miten haen päiväkotipaikkaa",
    "How do I apply for day care",
    "day care day care fees",
    "ez dixwazim kreşê",
    "چۆن داوای باخچە",
]


@pytest.mark.parametrize(
    "parameters", [{"token_pattern": r"\w+", "ngram_range": (1, 2)}, {"analyzer": "char_wb", "ngram_range": (2, 5), "min_df": 2}]
)
def test_ngrams_have_the_weights_that_scikit_learn_gives_them(parameters):
    ours, theirs = _Ngrams(**parameters), TfidfVectorizer(preprocessor=normalise, sublinear_tf=True, **parameters)
    ours.fit(TEXTS)
    theirs.fit(TEXTS)
    unseen = [*TEXTS, "day care for my son", "", "????"]
    assert np.allclose(ours.transform(unseen).toarray(), theirs.transform(unseen).toarray(), atol=1e-6)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("ÇAWA dikarim XANÎ", "cawa dikarim xani"),
        ("kreşê û şîr", "krese u sir"),
        ("Päiväkoti", "paivakoti"),
        ("heeeelp", "heelp"),
        ("ئێسپۆ كوردي", "ییسپو کوردی"),
        ("  two   words ", "two words"),
    ],
)
def test_careful_and_careless_spelling_are_read_alike(written, read):
    assert normalise(written) == read


def test_vectors_are_computed_once_and_not_those_of_another_encoder(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(features.joblib, "Parallel", lambda **_: lambda jobs: [f(*a, **k) for f, a, k in jobs])
    monkeypatch.setattr(features, "_vectors", lambda _model, texts: asked.extend(texts) or np.ones((len(texts), 3)))
    (tmp_path / "one").write_bytes(b"one")
    (tmp_path / "two").write_bytes(b"two")
    for model, texts in (("one", ["a", "b", "a"]), ("one", ["b", "c"]), ("two", ["c"])):
        found = VectorCache(tmp_path / "cache.npz", tmp_path / model).vectors(texts, lambda _: None)
        assert found.shape == (len(texts), 3)
    assert asked == ["a", "b", "c", "c"]
