#!/usr/bin/env python3
"""dist-pack.py FOLDER ARCHIVE EPOCH: packs a folder into a .tar.gz or a .zip.

The same files give the same bytes, whoever packs them, wherever and whenever: sorted by name,
all of one time (EPOCH, in seconds), of no user, programs 0755 and all else 0644.
"""
import gzip
import io
import os
import sys
import tarfile
import time
import zipfile


def files_of(folder):
    top = os.path.dirname(os.path.abspath(folder))
    for parent, folders, names in os.walk(os.path.abspath(folder)):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            yield os.path.relpath(path, top).replace(os.sep, "/"), path


def mode_of(path):
    return 0o755 if os.access(path, os.X_OK) else 0o644


def pack_tar(files, out, epoch):
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=out, mtime=epoch) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for name, path in files:
                entry = tarfile.TarInfo(name)
                entry.size = os.path.getsize(path)
                entry.mode = mode_of(path)
                entry.mtime = epoch
                with open(path, "rb") as content:
                    archive.addfile(entry, content)


def pack_zip(files, out, epoch):
    # A zip has local times without saying of where, of two seconds, and none before 1980.
    when = max(time.gmtime(epoch)[:6], (1980, 1, 1, 0, 0, 0))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, path in files:
            entry = zipfile.ZipInfo(name, when)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, for the modes
            entry.external_attr = (0o100000 | mode_of(path)) << 16
            with open(path, "rb") as content:
                archive.writestr(entry, content.read())


def main():
    folder, target, epoch = sys.argv[1], sys.argv[2], int(sys.argv[3])
    pack = pack_zip if target.endswith(".zip") else pack_tar
    out = io.BytesIO()
    pack(list(files_of(folder)), out, epoch)
    with open(target + ".part", "wb") as file:
        file.write(out.getvalue())
    os.replace(target + ".part", target)


if __name__ == "__main__":
    main()
