#!/usr/bin/env python3
"""dist-signed.py PROGRAM...: whether programs for macOS are signed, ad hoc, as what they are.

Apple's processors run nothing else: each page of a program has a hash in its signature. A tool
that changes the program after the linker has signed it, as Go's does, must sign it anew.
"""
import hashlib
import struct
import sys

LC_CODE_SIGNATURE = 0x1D
CODE_DIRECTORY = 0xFADE0C02
SHA256 = 2
ADHOC = 0x2


def signature_of(program):
    magic, _, _, _, commands = struct.unpack_from("<5I", program)
    if magic != 0xFEEDFACF:
        raise ValueError("no program for macOS")
    at = 32
    for _ in range(commands):
        command, size, start, length = struct.unpack_from("<4I", program, at)
        if command == LC_CODE_SIGNATURE:
            return start, program[start : start + length]
        at += size
    raise ValueError("not signed")


def directory_of(signature):
    count = struct.unpack_from(">3I", signature)[2]
    for index in range(count):
        start = struct.unpack_from(">2I", signature, 12 + 8 * index)[1]
        if struct.unpack_from(">I", signature, start)[0] == CODE_DIRECTORY:
            return signature[start:]
    raise ValueError("its signature has no hashes")


def check(program):
    start, signature = signature_of(program)
    directory = directory_of(signature)
    flags, hashes, _, _, pages, limit = struct.unpack_from(">6I", directory, 12)
    size, kind, _, shift = struct.unpack_from(">4B", directory, 36)
    if not flags & ADHOC or kind != SHA256:
        raise ValueError("signed in another way")
    if limit != start or pages != -(-limit >> shift):
        raise ValueError("only a part of it is signed")
    for page in range(pages):
        content = program[page << shift : min((page + 1) << shift, limit)]
        at = hashes + page * size
        if hashlib.sha256(content).digest()[:size] != directory[at : at + size]:
            raise ValueError(f"page {page} has changed since it was signed")


def main():
    for name in sys.argv[1:]:
        with open(name, "rb") as file:
            try:
                check(file.read())
            except (ValueError, struct.error) as error:
                sys.exit(f"{name}: {error}")


if __name__ == "__main__":
    main()
