"""Decodes recorded envelopes with Google's runtime, from the descriptors alone: `DESCRIPTORS MESSAGES`.

What it reads has to be what the JSON beside it says, as far as the two share names, and has to be written again to the same bytes.
"""

import json
import sys
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# Those whose name is not that of their type.
MESSAGES = {"EVENT": "EventBatch"}


def main(descriptors: str, messages: str) -> None:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(Path(descriptors).read_bytes()).file:
        pool.Add(file)

    def known(name: str):
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"fanfare.v1.{name}"))

    count = compared = 0
    for row in json.loads(Path(messages).read_text()):
        frame, said = bytes.fromhex(row["protobuf"]), json.loads(row["json"])
        size, start = varint(frame)
        assert start + size == len(frame), row["name"]
        envelope = known("Envelope").FromString(frame[start:])
        kind = type_name(envelope)
        assert (kind, envelope.id) == (said["type"], said.get("id", 0)), row["name"]
        assert envelope.SerializeToString(deterministic=True) == frame[start:], row["name"]
        if envelope.payload or said.get("payload"):
            payload = known(MESSAGES.get(kind, camel(kind))).FromString(envelope.payload)
            assert payload.SerializeToString(deterministic=True) == envelope.payload, row["name"]
            compared += compare(row["name"], payload, said.get("payload", {}))
        count += 1
    print("decoded", count, "compared", compared)


def compare(name: str, message, said: dict) -> int:
    """How many members were the same: texts, numbers, truths, data and versions, by their JSON names, also of messages inside; the
    rest is written otherwise in JSON."""
    count = 0
    for field in message.DESCRIPTOR.fields:
        value, member = getattr(message, field.name), said.get(field.json_name)
        if member is None or field.enum_type:
            continue
        if field.message_type and field.message_type.name == "ResourceVersion":
            if isinstance(member, str):
                assert f"{value.epoch:x}.{value.offset}" == member, name
                count += 1
        elif isinstance(member, dict) and field.message_type and not field.message_type.GetOptions().map_entry:
            count += compare(name, value, member)
        elif isinstance(member, list) and field.message_type:
            assert len(value) == len(member), name
            for item, inner in zip(value, member):
                if isinstance(inner, dict) and item.DESCRIPTOR.name != "ResourceVersion":
                    count += compare(name, item, inner)
        elif isinstance(value, bytes):
            assert json.loads(value) == member, name
            count += 1
        elif isinstance(value, (str, int, float)) and isinstance(member, type(value)):
            assert value == member, name
            count += 1
    return count


def type_name(envelope) -> str:
    field = envelope.DESCRIPTOR.fields_by_name["type"]
    return field.enum_type.values_by_number[envelope.type].name.removeprefix("MESSAGE_TYPE_")


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def varint(frame: bytes) -> tuple[int, int]:
    value = shift = 0
    for at, byte in enumerate(frame):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at + 1
    raise ValueError("the length has no end")


main(*sys.argv[1:])
