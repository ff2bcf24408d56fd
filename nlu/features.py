"""What the classifier sees of a message: its spelling, normalised, and its meaning as a multilingual vector."""

import hashlib
import re
import unicodedata
from pathlib import Path
from typing import Any, Callable, Dict, List, Text

import joblib
import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import CountVectorizer

from nlu import encoder

# Letters an Arabic, Persian or Turkish keyboard gives for those of Sorani and Kurmanji, and marks nobody types twice alike.
_LETTERS = str.maketrans(
    {
        "ي": "ی", "ى": "ی", "ې": "ی", "ێ": "ی", "ك": "ک", "ه": "ە", "ة": "ە", "ھ": "ە", "ۆ": "و", "ڕ": "ر", "ڵ": "ل",
        "أ": "ا", "إ": "ا", "آ": "ا", "ؤ": "و", "ı": "i", "’": "'",
        "\u200c": "", "\u200d": "", "\u200f": "", "\u200e": "", "ـ": "",
    }
)  # fmt: skip
_ELONGATED = re.compile(r"(\w)\1{2,}")
_SPACES = re.compile(r"\s+")


def normalise(text: str) -> str:
    """A message as the n-grams see it: NFKD, lower case, one form for each letter, no marks above Latin letters.

    Kurmanji without its circumflexes, Swedish or Finnish without dots and Sorani from an Arabic keyboard come out as the
    same letters as the careful spelling does.
    """
    text = unicodedata.normalize("NFKD", text.lower())
    text = "".join(mark for mark in text if not unicodedata.combining(mark)).translate(_LETTERS)
    return _SPACES.sub(" ", _ELONGATED.sub(r"\1\1", text)).strip()


class _Ngrams:
    """The n-grams of a text, weighted by tf-idf: rare ones more, repeated ones by the logarithm, to vectors of length one.

    scikit-learn's TfidfVectorizer gives the same numbers, but spends most of its time on a single text with checks and with
    a matrix as large as the vocabulary.
    """

    def __init__(self, **parameters: Any) -> None:
        """Set up with the parameters of scikit-learn's CountVectorizer."""
        self._counter = CountVectorizer(preprocessor=normalise, dtype=np.float32, **parameters)
        self._rarity = np.zeros(0, dtype=np.float32)

    def fit(self, texts: List[str]) -> None:
        """Learn the vocabulary, and how rare each of it is."""
        counts = self._counter.fit_transform(texts)
        self._rarity = (np.log((1 + len(texts)) / (1 + np.bincount(counts.indices, minlength=counts.shape[1]))) + 1).astype(
            np.float32
        )

    def transform(self, texts: List[str]) -> csr_matrix:
        """The weights of n texts, n × vocabulary."""
        weights = self._counter.transform(texts)
        weights.data = (np.log(weights.data) + 1) * self._rarity[weights.indices]
        rows = np.repeat(np.arange(len(texts)), np.diff(weights.indptr))
        lengths = np.sqrt(np.bincount(rows, weights.data**2, minlength=len(texts)))
        weights.data /= lengths[rows].astype(np.float32)
        return weights


class Featurizer:
    """Word and character n-grams (tf-idf), and beside them, where asked for, the sentence vectors of multilingual-e5-small."""

    def __init__(self, vector_weight: float, minimum_count: int) -> None:
        """Set up; `vector_weight` scales the vectors against the n-grams, rarer n-grams than `minimum_count` are left out."""
        self.vector_weight = vector_weight
        self._words = _Ngrams(token_pattern=r"\w+", ngram_range=(1, 2))
        self._characters = _Ngrams(analyzer="char_wb", ngram_range=(2, 5), min_df=minimum_count)
        self._mean = np.zeros(0, dtype=np.float32)

    def fit(self, texts: List[str], vectors: np.ndarray) -> "Featurizer":
        """Learn the vocabulary of `texts` and the mean of their `vectors` (n × 384)."""
        self._words.fit(texts)
        self._characters.fit(texts)
        self._mean = vectors.mean(axis=0)
        return self

    def ngrams(self, texts: List[str]) -> csr_matrix:
        """The n-grams of n texts, n × their number: cheap."""
        return hstack([self._words.transform(texts), self._characters.transform(texts)], format="csr", dtype=np.float32)

    def meanings(self, vectors: np.ndarray) -> np.ndarray:
        """Sentence vectors (n × 384) as the classifier takes them: their mean taken away, of one length."""
        centred = vectors - self._mean
        return centred * (self.vector_weight / (np.linalg.norm(centred, axis=1, keepdims=True) + 1e-9))


BATCH = 64


def _vectors(model: Path, texts: List[Text]) -> np.ndarray:
    return encoder.single(model).vectors(texts)


class VectorCache:
    """Sentence vectors kept in a file between trainings: whoever changes ten examples waits for ten vectors, not for all."""

    def __init__(self, path: Path, model: Path) -> None:
        """The vectors at `path` if there are any, computed by the encoder at `model`; another encoder's are not used."""
        self._path = path
        self._model = model
        self._digest = hashlib.sha256(model.read_bytes()).hexdigest()
        self._known: Dict[Text, np.ndarray] = {}
        if path.exists():
            with np.load(path) as stored:
                if "encoder" in stored and str(stored["encoder"]) == self._digest:
                    self._known = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))

    @staticmethod
    def _key(text: Text) -> Text:
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def vectors(self, texts: List[Text], progress: Callable[[Text], None]) -> np.ndarray:
        """The vectors of n texts (n × 384); computes those that are not known, one process a core, and keeps all."""
        missing = list(dict.fromkeys(text for text in texts if self._key(text) not in self._known))
        batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
        done = 0
        computed = joblib.Parallel(n_jobs=-1, return_as="generator")(joblib.delayed(_vectors)(self._model, b) for b in batches)
        for batch, found in zip(batches, computed, strict=True):
            self._known.update(zip(map(self._key, batch), found, strict=True))
            done += len(batch)
            progress(f"sentence vectors: {done} of {len(missing)} new ones")
        keys = [self._key(text) for text in texts]
        kept = list(dict.fromkeys(keys))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(self._path, encoder=self._digest, keys=np.array(kept), vectors=np.stack([self._known[key] for key in kept]))
        return np.stack([self._known[key] for key in keys])
