"""NAS-Bench-101's official files, record by record: one training run each. No TensorFlow.

A TFRecord file is a row of records: the length of the content (8 bytes, little-endian), its checksum, the content, its
checksum; checksums are CRC-32C, rotated by 15 bits and shifted by a constant. Here the content is a JSON list of five:
the cell's hash, the epochs it was trained for, its adjacency matrix as a row of digits, the labels of its vertices
joined by commas, and as base64 a Protocol Buffers message of what was measured. Facts: ``nasbench/api.py`` and
``nasbench/lib/model_metrics.proto`` of github.com/google-research/nasbench.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final, NamedTuple

import google_crc32c
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from harness.benchmarks.nb101_file import EPOCHS, HASH, LONGEST
from harness.errors import HarnessError
from harness.text import brief

LARGEST: Final = 2**20  # bytes of a record, which has some hundred
NUMBERS: Final = ("train_accuracy", "validation_accuracy", "test_accuracy", "training_time")  # in the table's order

_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")


class Run(NamedTuple):
    """One training of a cell. ``numbers``: in the order of `NUMBERS`, accuracies as fractions."""

    hash: str
    epochs: int
    matrix: str
    ops: str
    parameters: int
    numbers: tuple[float, float, float, float]


def read_runs(file: BinaryIO) -> Iterator[tuple[int, Run]]:
    """Yield every run with its record's number, which counts from 1.

    Holds one record at a time, whatever lengths the file tells. Raises `HarnessError` that names the record for what
    is cut, broken, too long or not of the official layout; then nothing more can be read.
    """
    number = 0
    while header := file.read(_LENGTH.size + _CHECKSUM.size):
        number += 1
        try:
            run = _run(_content(header, file.read))
        except HarnessError as error:
            raise HarnessError(f"record {number}: {error}") from error
        yield number, run


def checked(run: Run) -> Run:
    """Return a run whose facts and numbers have the right types and can be; raise `HarnessError`."""
    if not isinstance(run.hash, str) or not HASH.fullmatch(run.hash):
        raise HarnessError(f"the hash is {brief(run.hash)}, not 32 hexadecimal digits")
    if type(run.epochs) is not int or run.epochs not in EPOCHS:
        raise HarnessError(f"the epochs are {brief(run.epochs)}, not one of {', '.join(map(str, EPOCHS))}")
    if not isinstance(run.matrix, str) or not isinstance(run.ops, str):
        raise HarnessError(f"matrix and labels are {brief(run.matrix)} and {brief(run.ops)}, not text")
    if type(run.parameters) is not int or not 0 < run.parameters < LONGEST:
        raise HarnessError(f"the number of parameters is {brief(run.parameters)}")
    *accuracies, seconds = run.numbers
    for name, value in zip(NUMBERS, accuracies, strict=False):
        if not 0 <= value <= 1:  # also where it is not a number
            raise HarnessError(f"{name} is {value!r}, not within 0..1")
    if not 0 < seconds < LONGEST:
        raise HarnessError(f"{NUMBERS[-1]} is {seconds!r}, not within 0..{LONGEST:g}")
    return run


def _content(header: bytes, read: Callable[[int], bytes]) -> bytes:
    if len(header) < _LENGTH.size + _CHECKSUM.size:
        raise HarnessError("cut short: the file ends within its length")
    _verify(header[: _LENGTH.size], header[_LENGTH.size :], "length")
    (length,) = _LENGTH.unpack_from(header)
    if length > LARGEST:
        raise HarnessError(f"{length:,} bytes are more than the {LARGEST:,} that a record may have")
    content = read(length + _CHECKSUM.size)
    if len(content) < length + _CHECKSUM.size:
        raise HarnessError(f"cut short: the file ends within its {length:,} bytes")
    _verify(content[:length], content[length:], "content")
    return content[:length]


def _verify(content: bytes, checksum: bytes, what: str) -> None:
    crc = google_crc32c.value(content)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    if _CHECKSUM.pack(masked) != checksum:
        raise HarnessError(f"wrong checksum of its {what}")


def _run(content: bytes) -> Run:
    try:
        row = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise HarnessError(f"not JSON: {error}") from error
    if not isinstance(row, list) or len(row) != 5:
        raise HarnessError(f"{brief(row)} is not a list of five")
    module_hash, epochs, matrix, ops, encoded = row
    if not isinstance(encoded, str):
        raise HarnessError(f"the metrics are {brief(encoded)}, not text")
    try:
        decoded = base64.b64decode(encoded.replace("\n", ""), validate=True)
    except ValueError as error:
        raise HarnessError(f"the metrics are no base64: {error}") from error
    try:
        metrics = _ModelMetrics.FromString(decoded)
    except DecodeError as error:
        raise HarnessError(f"the metrics are no message of the official format: {error}") from error
    final = _final(metrics)
    last = final.current_epoch if final.HasField("current_epoch") else epochs
    if last != epochs:
        raise HarnessError(f"its last evaluation is of epoch {last!r}, not of {brief(epochs)}")
    numbers = (final.train_accuracy, final.validation_accuracy, final.test_accuracy, final.training_time)
    return checked(Run(module_hash, epochs, matrix, ops, metrics.trainable_parameters, numbers))


def _final(metrics: Any) -> Any:
    """Return the last of three evaluations (before, halfway, at the end); refuse what is unknown, or not there."""
    evaluations = metrics.evaluation_data
    for message in (metrics, *evaluations):
        for field in UnknownFieldSet(message):
            raise HarnessError(f"unknown field {field.field_number} of {message.DESCRIPTOR.name}")
    if len(evaluations) != 3:
        raise HarnessError(f"{len(evaluations)} evaluations, not three")
    final = evaluations[2]
    for message, names in ((metrics, ("trainable_parameters",)), (final, NUMBERS)):
        for name in names:
            if not message.HasField(name):
                raise HarnessError(f"no {name}")
    return final


def _message_class() -> type[Message]:
    """Build the official message, field by field as in ``model_metrics.proto``."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="model_metrics.proto", package="nasbench", syntax="proto2")
    metrics, evaluation = file.message_type.add(name="ModelMetrics"), file.message_type.add(name="EvaluationData")
    metrics.field.add(
        name="evaluation_data", number=1, label=kinds.LABEL_REPEATED, type=kinds.TYPE_MESSAGE,
        type_name=".nasbench.EvaluationData",
    )  # fmt: skip
    single = {"trainable_parameters": kinds.TYPE_INT32, "total_time": kinds.TYPE_DOUBLE}
    for number, (name, kind) in enumerate(single.items(), start=2):
        metrics.field.add(name=name, number=number, label=kinds.LABEL_OPTIONAL, type=kind)
    doubles = ("current_epoch", "training_time", "train_accuracy", "validation_accuracy", "test_accuracy")
    for number, name in enumerate(doubles, start=1):
        evaluation.field.add(name=name, number=number, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_DOUBLE)
    evaluation.field.add(name="checkpoint_path", number=6, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_STRING)
    pool = descriptor_pool.DescriptorPool()  # of our own: an official package may have registered the same names
    pool.AddSerializedFile(file.SerializeToString())
    found: type[Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName("nasbench.ModelMetrics"))
    return found


_ModelMetrics: Final = _message_class()
