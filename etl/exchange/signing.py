"""Signatures over exactly the query string that is sent. Source: "Signed endpoint security" of the exchange's docs."""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from etl.errors import ConfigError


class Signer(Protocol):
    """One account's key. Neither prints its secret."""

    api_key: str

    def sign(self, query: str) -> str:
        """The value of the parameter `signature`, percent-encoded."""


class HmacSigner:
    """HMAC-SHA256 with the key's secret, as hex."""

    def __init__(self, api_key: str, secret: str) -> None:
        self.api_key = api_key
        self._secret = secret.encode()

    def sign(self, query: str) -> str:
        return hmac.new(self._secret, query.encode(), hashlib.sha256).hexdigest()


class PrivateKeySigner:
    """RSA (PKCS#1 v1.5, SHA-256) or Ed25519 with a private key in PEM (PKCS#8), as base64."""

    def __init__(self, api_key: str, pem: bytes) -> None:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ConfigError("the private key file is no unencrypted PEM (PKCS#8) key") from None
        if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
            raise ConfigError("the private key must be RSA or Ed25519")
        self.api_key = api_key
        self._key = key

    @classmethod
    def from_file(cls, api_key: str, path: Path) -> "PrivateKeySigner":
        try:
            return cls(api_key, path.read_bytes())
        except OSError as error:
            raise ConfigError(f"the private key file {path} cannot be read: {error.strerror}") from None

    def sign(self, query: str) -> str:
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
        from cryptography.hazmat.primitives.hashes import SHA256

        if isinstance(self._key, rsa.RSAPrivateKey):
            signature = self._key.sign(query.encode(), padding.PKCS1v15(), SHA256())
        else:
            signature = self._key.sign(query.encode())
        return quote(base64.b64encode(signature), safe="")
