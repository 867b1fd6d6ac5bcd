"""Signs exactly the query string that is sent. Source: "Signed endpoint security" in the exchange's docs."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote


class Signer(Protocol):
    """One account's key. No implementation prints its secret."""

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


@dataclass(frozen=True)
class PrivateKey:
    """A key that is ready to sign. Its repr shows its kind and nothing else."""

    kind: str
    """RSA or Ed25519."""
    sign: Callable[[bytes], bytes] = field(repr=False)

    @classmethod
    def from_pem(cls, pem: bytes) -> "PrivateKey":
        """Reads PEM (PKCS#8). Raises ValueError with one line about anything else, without quoting it."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError("holds no unencrypted PEM (PKCS#8) key") from None
        if isinstance(key, rsa.RSAPrivateKey):
            return cls("RSA", lambda text: key.sign(text, padding.PKCS1v15(), SHA256()))
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return cls("Ed25519", key.sign)
        raise ValueError("holds a key that is neither RSA nor Ed25519")


class PrivateKeySigner:
    """RSA (PKCS#1 v1.5, SHA-256) or Ed25519, as base64."""

    def __init__(self, api_key: str, private_key: PrivateKey) -> None:
        self.api_key = api_key
        self._key = private_key

    def sign(self, query: str) -> str:
        return quote(base64.b64encode(self._key.sign(query.encode())), safe="")
