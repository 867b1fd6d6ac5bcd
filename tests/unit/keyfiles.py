"""Keys to be found in variables and files, and a settings file that names them."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

KEY, SECRET = "K" * 64, "S" * 64

PEM = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

ACCOUNTS = """
[accounts.desk]
api_key_file = "desk.key"
api_secret_variable = "DESK_SECRET"
[accounts.fund]
api_key_variable = "FUND_KEY"
private_key_file = "fund.pem"
"""


def private(name: str, text: str) -> Path:
    """A file as a secret is given, for nobody else's eyes."""
    file = Path(name)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file
