"""Signatures, held against the documentation's own example and against public keys."""

import base64
from pathlib import Path
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

from etl.errors import ConfigError
from etl.exchange.signing import HmacSigner, PrivateKeySigner

QUERY = "symbol=%E5%B8%81USDT&startTime=1&endTime=2&recvWindow=5000&timestamp=1591702613943"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519_KEY = ed25519.Ed25519PrivateKey.generate()
Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def pem(key: Key, encryption: KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


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
    signature = base64.b64decode(unquote(PrivateKeySigner("key", pem(RSA_KEY)).sign(QUERY)), validate=True)
    RSA_KEY.public_key().verify(signature, QUERY.encode(), padding.PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        RSA_KEY.public_key().verify(signature, QUERY.encode() + b"0", padding.PKCS1v15(), SHA256())


def test_a_signature_by_ed25519_is_the_one_that_its_public_key_verifies() -> None:
    signature = base64.b64decode(unquote(PrivateKeySigner("key", pem(ED25519_KEY)).sign(QUERY)), validate=True)
    ED25519_KEY.public_key().verify(signature, QUERY.encode())
    with pytest.raises(InvalidSignature):
        ED25519_KEY.public_key().verify(signature, QUERY.encode() + b"0")


@pytest.mark.parametrize("key", [RSA_KEY, ED25519_KEY], ids=["rsa", "ed25519"])
def test_what_base64_has_and_a_query_cannot_hold_is_percent_encoded(key: Key) -> None:
    signer = PrivateKeySigner("key", pem(key))
    assert not any(set(signer.sign(f"{QUERY}{number}")) & set("+/=&") for number in range(20))


def test_a_private_key_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(ED25519_KEY))
    signer = PrivateKeySigner.from_file("key", file)
    assert signer.api_key == "key"
    assert signer.sign(QUERY) == PrivateKeySigner("key", pem(ED25519_KEY)).sign(QUERY)


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
def test_what_is_no_unencrypted_private_key_is_a_wrong_setting(text: bytes) -> None:
    with pytest.raises(ConfigError, match=r"\Athe private key file is no unencrypted PEM \(PKCS#8\) key\Z"):
        PrivateKeySigner("key", text)


def test_a_private_key_of_another_kind_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigError, match="must be RSA or Ed25519"):
        PrivateKeySigner("key", pem(ec.generate_private_key(ec.SECP256R1())))


def test_a_private_key_file_that_is_not_there_is_a_wrong_setting_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.pem cannot be read: No such file"):
        PrivateKeySigner.from_file("key", tmp_path / "absent.pem")


def test_no_signer_shows_its_secret() -> None:
    signer = HmacSigner("key", "hunter2")
    assert "hunter2" not in repr(signer) + str(signer)
