"""PNG files byte by byte: bit depths that Pillow does not write, and damage with sound checksums."""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
_CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}


def png(rows, bits, kind, size=None, extra=()):
    """A PNG whose rows are given as lists of values, all channels of a pixel one after the other."""
    width, height = size or (len(rows[0]) // _CHANNELS[kind], len(rows))
    data = b""
    for row in rows:
        text = "".join(format(value, f"0{bits}b") for value in row)
        text += "0" * (-len(text) % 8)
        data += b"\0" + int(text, 2).to_bytes(len(text) // 8, "big")
    palette = [(b"PLTE", bytes(range(256)) * 3)] if kind == PALETTE else []
    if kind == PALETTE and bits < 8:
        palette = [(b"PLTE", bytes(3 * 2**bits))]
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return from_chunks([(b"IHDR", header), *palette, *extra, (b"IDAT", zlib.compress(data)), (b"IEND", b"")])


def from_chunks(chunks):
    return SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def to_chunks(content):
    chunks, at = [], len(SIGNATURE)
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += length + 12
    return chunks
