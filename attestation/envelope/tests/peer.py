"""A released secret's JWE by another library: cryptography, from PyPI.

    peer.py check                        RFC 7518, appendix C, and the spelling of headers
    peer.py key KIND > KEY               a new key, KIND is P-256, P-521 or RSA and its bits: {"public": JWK, "private": PEM}
    peer.py open KEY < JWE > SECRET      KEY is such a PEM, or the recipient's private number on P-256 in hexadecimal
    peer.py seal X Y < SECRET > JWE      X and Y are the recipient's point, base64url

The JWE is JSON: the flattened one of RFC 7516 section 7.2.2 with ECDH-ES+A256KW on P-256 or P-521, or RSA-OAEP-256, and
A256GCM. Other members beside its five are passed over, as the clients of Trustee do. What cannot be opened ends with 3 and the reason.
"""

import base64
import json
import os
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

ALGORITHM, RSA_ALGORITHM, ENCRYPTION, CURVE = "ECDH-ES+A256KW", "RSA-OAEP-256", "A256GCM", "P-256"
CURVES = {"P-256": (ec.SECP256R1(), 32), "P-521": (ec.SECP521R1(), 66)}
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
MEMBERS = {"protected": None, "encrypted_key": None, "iv": 12, "ciphertext": None, "tag": 16}


class Refused(Exception):
    """The JWE is not for this key, or is none of those that are spoken here."""


def text(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def octets(value, name, length=None):
    """Base64url without padding, in its one spelling."""
    try:
        decoded = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError as error:
        raise Refused(f"{name} is no base64url: {error}") from error
    if text(decoded) != value:
        raise Refused(f"{name} is base64url in another spelling")
    if length is not None and len(decoded) != length:
        raise Refused(f"{name} has {len(decoded)} bytes, not {length}")
    return decoded


def agreed(private, public):
    return private.exchange(ec.ECDH(), public)


def derived(secret, algorithm, party_u, party_v, length):
    """RFC 7518, section 4.6.2: each field but the last has its length in front."""
    fields = (algorithm.encode(), party_u, party_v)
    info = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    info += (8 * length).to_bytes(4, "big")
    return ConcatKDFHash(hashes.SHA256(), length, info).derive(secret)


def private_key(number):
    return ec.derive_private_key(number, ec.SECP256R1())


def public_key(x, y, name=CURVE):
    curve, length = CURVES[name]
    numbers = (int.from_bytes(octets(value, member, length), "big") for value, member in ((x, "x"), (y, "y")))
    try:
        return ec.EllipticCurvePublicNumbers(*numbers, curve).public_key()
    except ValueError as error:
        raise Refused(f"the point is not on {name}") from error


def new_key(kind):
    """A key as Trustee's clients make it, in the form that their `--tee-key-file` reads, and its JWK as they send it."""
    form = serialization.PrivateFormat.PKCS8
    if kind.startswith("RSA "):
        private = rsa.generate_private_key(65537, int(kind[4:]))
        numbers = private.public_key().public_numbers()
        n, e = (text(number.to_bytes((number.bit_length() + 7) // 8, "big")) for number in (numbers.n, numbers.e))
        form = serialization.PrivateFormat.TraditionalOpenSSL
        public = {"kty": "RSA", "alg": RSA_ALGORITHM, "n": n, "e": e}
    else:
        curve, length = CURVES[kind]
        private = ec.generate_private_key(curve)
        point = private.public_key().public_numbers()
        x, y = (text(number.to_bytes(length, "big")) for number in (point.x, point.y))
        public = {"kty": "EC", "crv": kind, "alg": ALGORITHM, "x": x, "y": y}
    pem = private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return {"public": public, "private": pem.decode()}


def read_private(key):
    if key.startswith("-----"):
        return serialization.load_pem_private_key(key.encode(), None)
    return private_key(int(key, 16))


def spelled(header):
    """The header as Trustee's clients write it again for the AAD: they parse it, and go by what they parsed.

    `alg` and `enc` come first, the rest by name, without white space (ProtectedHeader of the kbs-types crate).
    """
    first = {name: header[name] for name in ("alg", "enc")}
    rest = {name: header[name] for name in sorted(header) if name not in first}
    ordered = json.loads(json.dumps(rest, sort_keys=True))
    return json.dumps({**first, **ordered}, separators=(",", ":"), ensure_ascii=False)


def opened(jwe, private):
    parts = {name: octets(jwe[name], name, length) for name, length in MEMBERS.items()}
    header = json.loads(parts["protected"])
    unwrap = decrypted if isinstance(private, rsa.RSAPrivateKey) else unwrapped
    content = unwrap(header, parts["encrypted_key"], private)
    sealed = parts["ciphertext"] + parts["tag"]
    try:
        return AESGCM(content).decrypt(parts["iv"], sealed, text(spelled(header).encode()).encode())
    except InvalidTag as error:
        raise Refused("the tag is of other content, or of another header") from error


def check_header(header, algorithm, members):
    if (header.get("alg"), header.get("enc")) != (algorithm, ENCRYPTION):
        raise Refused(f"the header asks for {header.get('alg')} and {header.get('enc')}")
    if header.keys() != members:
        raise Refused(f"the header has {', '.join(header)}")


def decrypted(header, encrypted, private):
    check_header(header, RSA_ALGORITHM, {"alg", "enc"})
    try:
        content = private.decrypt(encrypted, OAEP)
    except ValueError as error:
        raise Refused("the content key is encrypted for another key") from error
    if len(content) != 32:
        raise Refused(f"the content key has {len(content)} bytes")
    return content


def unwrapped(header, encrypted, private):
    check_header(header, ALGORITHM, {"alg", "enc", "epk"})
    epk = header["epk"]
    curve = next(name for name, (curve, _) in CURVES.items() if curve.name == private.curve.name)
    if (epk.get("kty"), epk.get("crv")) != ("EC", curve):
        raise Refused(f"the sender's key is on {epk.get('crv')}")
    secret = agreed(private, public_key(epk["x"], epk["y"], curve))
    wrapping = derived(secret, ALGORITHM, b"", b"", 32)
    try:
        return keywrap.aes_key_unwrap(wrapping, encrypted)
    except (keywrap.InvalidUnwrap, ValueError) as error:
        raise Refused("the content key is wrapped for another key") from error


def sealed(secret, recipient):
    sender = private_key(int.from_bytes(os.urandom(31), "big") + 1)
    point = sender.public_key().public_numbers()
    epk = {"crv": CURVE, "kty": "EC", **{name: text(getattr(point, name).to_bytes(32, "big")) for name in "xy"}}
    protected = text(spelled({"alg": ALGORITHM, "enc": ENCRYPTION, "epk": epk}).encode())
    wrapping = derived(agreed(sender, recipient), ALGORITHM, b"", b"", 32)
    content, iv = os.urandom(32), os.urandom(12)
    ciphertext = AESGCM(content).encrypt(iv, secret, protected.encode())
    return {
        "protected": protected,
        "encrypted_key": text(keywrap.aes_key_wrap(wrapping, content)),
        "iv": text(iv),
        "ciphertext": text(ciphertext[:-16]),
        "tag": text(ciphertext[-16:]),
    }


# RFC 7518, appendix C.
ALICE = {
    "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
    "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    "d": "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo",
}
BOB = {
    "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
    "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
    "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
}
DERIVED = "VqqN6vgjbSBcIijNcacQGg"


def check():
    keys = [(mine, theirs) for mine, theirs in ((ALICE, BOB), (BOB, ALICE))]
    for mine, theirs in keys:
        number = int.from_bytes(octets(mine["d"], "d", 32), "big")
        secret = agreed(private_key(number), public_key(theirs["x"], theirs["y"]))
        key = text(derived(secret, "A128GCM", b"Alice", b"Bob", 16))
        assert key == DERIVED, f"RFC 7518 appendix C gives {DERIVED}, this {key}"
    header = spelled({"epk": {"y": "Y", "kty": "EC", "crv": "P-256"}, "enc": "E", "apv": "V", "alg": "A"})
    assert header == '{"alg":"A","enc":"E","apv":"V","epk":{"crv":"P-256","kty":"EC","y":"Y"}}', header


def main(command, *arguments):
    check()
    if command == "open":
        sys.stdout.buffer.write(opened(json.load(sys.stdin), read_private(arguments[0])))
    elif command == "key":
        json.dump(new_key(*arguments), sys.stdout)
    elif command == "seal":
        json.dump(sealed(sys.stdin.buffer.read(), public_key(*arguments)), sys.stdout)
    else:
        assert command == "check", command


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Refused as refused:
        print(refused, file=sys.stderr)
        sys.exit(3)
