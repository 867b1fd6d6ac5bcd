"""Signatures, held against the documentation's own example and against public keys."""

import base64
from urllib.parse import unquote

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from etl.exchange.signing import HmacSigner, PrivateKey, PrivateKeySigner

QUERY = "symbol=%E5%B8%81USDT&startTime=1&endTime=2&recvWindow=5000&timestamp=1591702613943"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519_KEY = ed25519.Ed25519PrivateKey.generate()
Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def pem(key: Key, encryption: KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def signer_of(key: Key) -> PrivateKeySigner:
    return PrivateKeySigner("key", PrivateKey.from_pem(pem(key)))


def test_the_example_of_the_documentation() -> None:
    signer = HmacSigner(
        "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83",
        "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9",
    )
    query = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
        "&timestamp=1591702613943"
    )
    assert signer.sign(query) == "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"


def test_another_query_or_another_secret_gives_another_signature() -> None:
    one = HmacSigner("key", "secret")
    assert len({one.sign(QUERY), one.sign(QUERY + "0"), HmacSigner("key", "other").sign(QUERY)}) == 3


def test_a_signature_by_rsa_is_the_one_that_its_public_key_verifies() -> None:
    signature = base64.b64decode(unquote(signer_of(RSA_KEY).sign(QUERY)), validate=True)
    RSA_KEY.public_key().verify(signature, QUERY.encode(), padding.PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        RSA_KEY.public_key().verify(signature, QUERY.encode() + b"0", padding.PKCS1v15(), SHA256())


def test_a_signature_by_ed25519_is_the_one_that_its_public_key_verifies() -> None:
    signature = base64.b64decode(unquote(signer_of(ED25519_KEY).sign(QUERY)), validate=True)
    ED25519_KEY.public_key().verify(signature, QUERY.encode())
    with pytest.raises(InvalidSignature):
        ED25519_KEY.public_key().verify(signature, QUERY.encode() + b"0")


@pytest.mark.parametrize("key", [RSA_KEY, ED25519_KEY], ids=["rsa", "ed25519"])
def test_what_base64_has_and_a_query_cannot_hold_is_percent_encoded(key: Key) -> None:
    signer = signer_of(key)
    assert not any(set(signer.sign(f"{QUERY}{number}")) & set("+/=&") for number in range(20))


def test_a_private_key_knows_its_kind() -> None:
    assert [PrivateKey.from_pem(pem(key)).kind for key in (RSA_KEY, ED25519_KEY)] == ["RSA", "Ed25519"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"not a key",
        b"-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n",
        ED25519_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        pem(ED25519_KEY, BestAvailableEncryption(b"hunter2")),
    ],
    ids=["empty", "garbage", "cut", "public", "encrypted"],
)
def test_what_is_no_unencrypted_private_key_is_refused_without_a_word_of_it(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\Aholds no unencrypted PEM \(PKCS#8\) key\Z"):
        PrivateKey.from_pem(text)


def test_a_private_key_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\Aholds a key that is neither RSA nor Ed25519\Z"):
        PrivateKey.from_pem(pem(ec.generate_private_key(ec.SECP256R1())))


def test_no_signer_shows_its_secret() -> None:
    signer = HmacSigner("key", "hunter2")
    assert "hunter2" not in repr(signer) + str(signer)
