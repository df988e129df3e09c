"""Makes tokens.json: tokens by PyJWT, and what PyJWT says of each.

    python3 -m venv venv && venv/bin/pip install 'PyJWT[crypto]==2.15.1'
    venv/bin/python make.py > tokens.json

The private keys are thrown away. PyJWT looks at signature, algorithm, issuer and audience; times are left out, since it
reads the machine's clock.
"""

import base64
import hashlib
import hmac
import json

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

NOW = 1780272000
ISSUER = "https://issuer.example/realms/main"
AUDIENCE = "cloister-verifier"
ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value):
    return b64(json.dumps(value, separators=(",", ":")).encode())


KEYS = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "PS256": rsa.generate_private_key(65537, 3072),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def claims(**changes):
    usual = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "f3c2-alice",
        "iat": NOW,
        "exp": NOW + 300,
        "roles": ["verifier-authors"],
        "org": {"id": "alpha-corp"},
    }
    usual.update(changes)
    return {name: value for name, value in usual.items() if value is not None}


def signed(algorithm, kid=None, key=None, header=None, **changes):
    headers = {"kid": kid or algorithm}
    headers.update(header or {})
    return jwt.encode(claims(**changes), key or KEYS[algorithm], algorithm, headers=headers)


def shared_key_of(public):
    """Algorithm confusion (RFC 8725, 2.1): the public key's PEM as the key of an HMAC."""
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = part({"alg": "HS256", "kid": "RS256", "typ": "JWT"}) + "." + part(claims())
    return text + "." + b64(hmac.new(pem, text.encode(), hashlib.sha256).digest())


def other_signature(token):
    head, body, signature = token.split(".")
    last = bytearray(base64.urlsafe_b64decode(signature + "=="))
    last[-1] ^= 1
    return ".".join([head, body, b64(bytes(last))])


def jwks():
    listed = []
    for algorithm, key in KEYS.items():
        how = jwt.get_algorithm_by_name(algorithm)
        one = json.loads(how.to_jwk(key.public_key()))
        one.pop("key_ops", None)
        one.update({"kid": algorithm, "use": "sig", "alg": algorithm})
        listed.append(one)
    return {"keys": listed}


def tokens():
    for algorithm in ALGORITHMS:
        yield algorithm, signed(algorithm)
        yield algorithm + " with another signature", other_signature(signed(algorithm))
    yield "audience in an array", signed("ES256", aud=[AUDIENCE])
    yield "another audience", signed("ES256", aud="other")
    yield "no audience", signed("ES256", aud=None)
    yield "another issuer", signed("ES256", iss=ISSUER + "/")
    yield "no issuer", signed("ES256", iss=None)
    yield "key of another kid", signed("ES256", kid="ES384")
    yield "unknown kid", signed("ES256", kid="ES512")
    yield "another key of the same kind", signed(
        "ES256", key=ec.generate_private_key(ec.SECP256R1())
    )
    yield "RSA key by its other algorithm", signed("PS256", kid="RS256", key=KEYS["RS256"])
    yield "no signature", jwt.encode(claims(), None, "none", headers={"kid": "RS256"})
    yield "public key as shared key", shared_key_of(KEYS["RS256"].public_key())
    yield "critical header", signed("ES256", header={"crit": ["exp"], "exp": 1})


def said_of(token, keys):
    try:
        kid = jwt.get_unverified_header(token)["kid"]
        one = next(key for key in keys["keys"] if key["kid"] == kid)
        read = jwt.decode(
            token,
            jwt.PyJWK(one),
            algorithms=[one["alg"]],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={
                "require": ["iss", "aud"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        return read["sub"]
    except (jwt.PyJWTError, StopIteration) as error:
        return None


def main():
    keys = jwks()
    made = [
        {"name": name, "token": token, "subject": said_of(token, keys)}
        for name, token in tokens()
    ]
    document = {
        "made_with": "PyJWT " + jwt.__version__,
        "now": NOW,
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "jwks": keys,
        "tokens": made,
    }
    print(json.dumps(document, indent=1))


main()
