"""A moment, as messages and as documents have it."""

from google.protobuf.timestamp_pb2 import Timestamp

MOMENT = Timestamp(seconds=1_772_442_900)
TIME = "2026-03-02T09:15:00Z"
