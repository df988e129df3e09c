"""The same document by other people's libraries: cbor2 for the bytes, cryptography for the signature.

    peer.py write KEY < SET.json > DOCUMENT     signs as the document's owner would
    peer.py open PUBLIC < DOCUMENT > SET.json   reads and verifies

KEY is the private number in hexadecimal, PUBLIC the point. The set as JSON names what the document says.
"""

import hashlib
import json
import sys

import cbor2
from cbor2 import CBORTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

PROFILE = "tag:cloister.invalid,2026:reference-values:1"
CLASSES = {
    "snp": {0: CBORTag(111, bytes.fromhex("2b060104019c780301"))},
    "tdx": {1: "Intel Corporation", 2: "TDX"},
    "simulated": {1: "Cloister", 2: "simulated"},
}


def encoded(value):
    return cbor2.dumps(value, canonical=True)


def digests(hexadecimal):
    return [[7, bytes.fromhex(hexadecimal)]]


def evidence(document, launch):
    if document["tee"] == "tdx":
        rtmrs = {int(number): digests(value) for number, value in launch["rtmrs"].items()}
        claims = [{0: "mrtd", 1: {2: digests(launch["digest"])}}]
        return claims + ([{0: "rtmr", 1: {14: rtmrs}}] if rtmrs else [])
    claims = [{0: 641, 1: {2: digests(launch["digest"])}}]
    svn = document["min_svn"]
    return claims + ([] if svn is None else [{0: 1, 1: {1: CBORTag(553, svn)}}])


def endorsed(document):
    version = document["version"]
    workload = {11: document["name"], **({} if version is None else {0: {0: version}})}
    claims = [{0: "workload", 1: workload}]
    sbom = document["sbom"]
    if sbom is not None:
        claims.append({0: "sbom", 1: {2: digests(sbom["sha384"]), 11: sbom["file"]}})
    return claims


def corim(document):
    version = "" if document["version"] is None else "@" + document["version"]
    name = f'{document["name"]}{version}/{document["tee"]}/{document["not_before"]}'
    environment = {0: CLASSES[document["tee"]]}
    comids = []
    for launch in document["alternatives"]:
        triples = {
            0: [[environment, evidence(document, launch)]],
            1: [[environment, endorsed(document)]],
        }
        identity = {0: f'{name}/vcpus/{launch["vcpus"]}', 1: 0}
        comids.append(CBORTag(506, encoded({1: identity, 4: triples})))
    validity = times(document)
    return encoded(CBORTag(501, {0: name, 1: comids, 3: CBORTag(32, PROFILE), 4: validity}))


def times(document):
    return {0: CBORTag(1, document["not_before"]), 1: CBORTag(1, document["not_after"])}


def thumbprint(public):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(public.public_bytes(serialization.Encoding.DER, form)).digest()


def protected(document, public):
    signer = document["signer"]
    return encoded({
        1: -35,
        3: "application/rim+cbor",
        4: thumbprint(public),
        8: encoded({0: {0: signer}, 1: times(document)}),
        15: {1: signer, 4: document["not_after"], 5: document["not_before"]},
    })


def write(number, document):
    key = ec.derive_private_key(int(number, 16), ec.SECP384R1())
    header, payload = protected(document, key.public_key()), corim(document)
    message = encoded(["Signature1", header, b"", payload])
    signature = key.sign(message, ec.ECDSA(hashes.SHA384(), deterministic_signing=True))
    r, s = utils.decode_dss_signature(signature)
    signature = r.to_bytes(48, "big") + s.to_bytes(48, "big")
    return encoded(CBORTag(18, [header, {}, payload, signature]))


def opened(point, document):
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), bytes.fromhex(point))
    signed = cbor2.loads(document)
    assert signed.tag == 18
    header, unprotected, payload, signature = signed.value
    header_map = cbor2.loads(header)
    assert unprotected == {} and header_map[1] == -35 and header_map[4] == thumbprint(public)
    r, s = int.from_bytes(signature[:48], "big"), int.from_bytes(signature[48:], "big")
    message = encoded(["Signature1", header, b"", payload])
    public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA384()))
    inner = cbor2.loads(payload)
    assert inner.tag == 501 and inner.value[3].value == PROFILE
    return read(header_map, inner.value)


def read(header, inner):
    result = {"signer": header[15][1], "not_after": header[15][4], "not_before": header[15][5]}
    result["alternatives"] = []
    for comid in inner[1]:
        comid = cbor2.loads(comid.value)
        ((environment, claims),) = comid[4][0]
        ((_, endorsements),) = comid[4][1]
        claims = {claim[0]: claim[1] for claim in claims}
        endorsements = {claim[0]: claim[1] for claim in endorsements}
        result["tee"] = [tee for tee, known in CLASSES.items() if known == environment[0]][0]
        digest = claims["mrtd" if result["tee"] == "tdx" else 641][2][0][1]
        rtmrs = claims["rtmr"][14] if "rtmr" in claims else {}
        result["alternatives"].append({
            "vcpus": int(comid[1][0].rsplit("/", 1)[1]),
            "digest": digest.hex(),
            "rtmrs": {str(number): value[0][1].hex() for number, value in rtmrs.items()},
        })
        result["min_svn"] = claims[1][1].value if 1 in claims else None
        workload = endorsements["workload"]
        result["name"] = workload[11]
        result["version"] = workload[0][0] if 0 in workload else None
        sbom = endorsements.get("sbom")
        result["sbom"] = sbom and {"file": sbom[11], "sha384": sbom[2][0][1].hex()}
    return result


if __name__ == "__main__":
    command, key = sys.argv[1:]
    if command == "write":
        sys.stdout.buffer.write(write(key, json.load(sys.stdin)))
    else:
        print(json.dumps(opened(key, sys.stdin.buffer.read()), sort_keys=True))
