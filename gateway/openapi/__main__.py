"""Writes the document to the file that is named, or to the standard output: `make openapi`."""

import sys
from pathlib import Path

import orjson

from gateway.openapi import document


def main(arguments: list[str]) -> None:
    text = orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if arguments:
        Path(arguments[0]).write_bytes(text)
    else:
        sys.stdout.buffer.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
