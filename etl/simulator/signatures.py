"""Signatures over the raw query string: HMAC-SHA256 as hex, or RSA and Ed25519 as base64."""

import base64
import binascii
import hashlib
import hmac
from urllib.parse import unquote

from etl.simulator.accounts import Account


def signed_part(query: str) -> tuple[str, str]:
    """The signed bytes of a query string and its signature, which must be the last parameter (else "")."""
    payload, _, signature = query.rpartition("signature=")
    last = "&" not in signature and (payload.endswith("&") or not payload)
    return payload.removesuffix("&"), unquote(signature) if last else ""


def hmac_signature(secret: str, payload: str) -> str:
    """The signature of an HMAC key."""
    return hmac.new(secret.encode(), payload.encode("latin-1"), hashlib.sha256).hexdigest()


def is_signed_by(account: Account, payload: str, signature: str) -> bool:
    """Whether the account made this signature."""
    if account.public_key is None:
        expected = hmac_signature(account.secret, payload)
        return hmac.compare_digest(expected.encode(), signature.lower().encode())
    return _fits_public_key(account.public_key, payload.encode("latin-1"), signature)


def _fits_public_key(pem: str, payload: bytes, signature: str) -> bool:
    # The one package beyond the standard library, and only where an account was given a public key.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

    key = serialization.load_pem_public_key(pem.encode())
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(raw, payload, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(raw, payload)
        else:
            return False
    except (InvalidSignature, binascii.Error):
        return False
    return True
