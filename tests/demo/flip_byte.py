"""Changes one byte of a statement's entry in a copy of a ledger: `flip_byte.py FOLDER`. The CRC stays as it was."""

import pathlib
import sys

MARK = b'"type":"statement"'

for path in sorted(pathlib.Path(sys.argv[1]).rglob("*")):
    data = bytearray(path.read_bytes()) if path.is_file() else b""
    at = data.find(MARK)
    if at >= 0:
        at += MARK.index(b"m")
        data[at] ^= 0x01
        path.chmod(0o600)
        path.write_bytes(data)
        print(f"flipped the lowest bit of byte {at} in {path.name}")
        break
else:
    sys.exit("no statement's entry found in the ledger")
