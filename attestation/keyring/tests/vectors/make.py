"""What tests/known_answers.rs compares with, made by another implementation: Python's `cryptography`.

Run by hand: python3 make.py > vectors.json (cryptography 44 or newer, for Argon2id).

"Random" bytes are 0, 1, 2, … without end, in the order in which the keyring draws them.
"""

import hashlib
import itertools
import json
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ZERO_NONCE = bytes(12)


class Entropy:
    def __init__(self):
        self.bytes = itertools.cycle(range(256))

    def draw(self, count):
        return bytes(itertools.islice(self.bytes, count))


def hkdf(salt, key, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def wrap(entropy, kek, key_id, data_key, bound_to, purpose):
    salt = entropy.draw(32)
    context = purpose + key_id + hashlib.sha256(bound_to).digest()
    key = hkdf(salt, kek, b"cloister keyring wrap key v1\n")
    return salt + AESGCM(key).encrypt(ZERO_NONCE, data_key, context)


def seal(entropy, kek, key_id, secret, bound_to, purpose=b"cloister keyring wrap v1\n"):
    data_key = entropy.draw(32)
    wrapped = wrap(entropy, kek, key_id, data_key, bound_to, purpose)
    content = AESGCM(data_key).encrypt(ZERO_NONCE, secret, b"cloister keyring content v1\n" + bound_to)
    return b"CKSE" + bytes([1, 1]) + key_id + wrapped + struct.pack("<I", len(content)) + content


def ring(generation, entries, pending):
    return struct.pack("<QBH", generation, 1, len(entries)) + b"".join(entries) + pending


def ring_file(entropy, file_key, lock, generation, ring_bytes):
    header = b"CKRF" + bytes([1, lock[0]]) + struct.pack("<Q", generation) + lock[1]
    bound_to = b"cloister keyring file v1\n" + header
    return header + seal(entropy, file_key, bytes(16), ring_bytes, bound_to, b"cloister keyring ring v1\n")


def by_key_file(credential):
    entropy = Entropy()
    salt = entropy.draw(32)
    file_key = hkdf(salt, credential, b"cloister keyring file key v1\n")
    lock = (1, salt)
    created = ring_file(entropy, file_key, lock, 1, ring(1, [], b"\0"))
    key_id, kek = entropy.draw(16), entropy.draw(32)
    entry = key_id + b"\1" + bytes(8) + kek
    pending = b"\1" + struct.pack("<Q", 2) + entry
    prepared = ring_file(entropy, file_key, lock, 2, ring(2, [], pending))
    committed = ring_file(entropy, file_key, lock, 3, ring(3, [entry], b"\0"))
    sealed = seal(entropy, kek, key_id, b"the secret", b"for one")
    return {
        "created": created.hex(),
        "prepared": prepared.hex(),
        "committed": committed.hex(),
        "key": key_id.hex(),
        "sealed": sealed.hex(),
    }


def by_passphrase(passphrase):
    entropy = Entropy()
    salt = entropy.draw(32)
    file_key = Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=65536).derive(passphrase)
    lock = (2, salt + struct.pack("<III", 65536, 3, 4))
    return {"created": ring_file(entropy, file_key, lock, 1, ring(1, [], b"\0")).hex()}


print(
    json.dumps(
        {
            "key_file": by_key_file(bytes(range(64, 96))),
            "passphrase": by_passphrase(b"correct horse battery"),
        },
        indent=1,
    )
)
