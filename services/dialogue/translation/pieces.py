"""SentencePiece models as `tokenizers` reads them: OPUS-MT models come with `source.spm` and `target.spm`.

The form is `sentencepiece_model.proto` of SentencePiece, of which only the pieces and the normaliser are needed.
"""

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from services.dialogue.translation.model import TranslationError

_SPACE = "\u2581"
_UNKNOWN = 2
"""`SentencePiece.Type.UNKNOWN`."""
_Field = descriptor_pb2.FieldDescriptorProto


def read_pieces(path: Path) -> Any:
    """Return a `tokenizers.Tokenizer` that cuts words as the SentencePiece model in a file does.

    Raises:
        TranslationError: it cannot be read, or is of another kind than unigram.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers  # noqa: PLC0415 - an extra

    model: Any = _model_class()()
    try:
        model.ParseFromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise TranslationError(f"{path} is no SentencePiece model ({error})") from error
    unknown = next((place for place, piece in enumerate(model.pieces) if piece.type == _UNKNOWN), None)
    if unknown is None or model.trainer.model_type not in {0, 1}:
        raise TranslationError(f"{path} is no unigram SentencePiece model; OPUS-MT's are")
    vocabulary = [(piece.piece, piece.score) for piece in model.pieces]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=unknown))
    steps: list[Any] = [normalizers.Precompiled(model.normalizer.charsmap)] if model.normalizer.charsmap else []
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always")
    return tokenizer


def joined(pieces: list[str]) -> str:
    """Return the text that pieces make."""
    return "".join(pieces).replace(_SPACE, " ").strip()


def _model_class() -> type[Message]:
    """Make the message from the field numbers of SentencePiece's own definition."""
    file = descriptor_pb2.FileDescriptorProto(name="pieces.proto", package="pieces", syntax="proto2")
    _add(
        file, "Piece", ("piece", 1, _Field.TYPE_STRING), ("score", 2, _Field.TYPE_FLOAT), ("type", 3, _Field.TYPE_INT32)
    )
    _add(file, "Trainer", ("model_type", 3, _Field.TYPE_INT32))
    _add(file, "Normalizer", ("charsmap", 2, _Field.TYPE_BYTES))
    whole = file.message_type.add(name="Model")
    for name, number, of in (("pieces", 1, "Piece"), ("trainer", 2, "Trainer"), ("normalizer", 3, "Normalizer")):
        label = _Field.LABEL_REPEATED if name == "pieces" else _Field.LABEL_OPTIONAL
        whole.field.add(name=name, number=number, type=_Field.TYPE_MESSAGE, type_name=f".pieces.{of}", label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("pieces.Model"))


def _add(
    file: descriptor_pb2.FileDescriptorProto, name: str, *fields: tuple[str, int, "_Field.Type.ValueType"]
) -> None:
    message = file.message_type.add(name=name)
    for field, number, kind in fields:
        message.field.add(name=field, number=number, type=kind, label=_Field.LABEL_OPTIONAL)
