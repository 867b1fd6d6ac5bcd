"""Secrets that tests give to the command, and whether a part of one stands in a text."""

import re

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from tests.acceptance.lab import Lab
from tests.roles import ROLE_PASSWORD

OTHER_KEY, OTHER_SECRET, OTHER_PASSWORD = "OtherKey" * 8, "OtherSecret" * 6, "0ther-pa55word-of-nobody"
PRIVATE_KEYS: dict[str, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}
PEMS = {
    name: key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for name, key in PRIVATE_KEYS.items()
}
SECRETS = {
    "API key": [DEMO_KEY, OTHER_KEY],
    "secret": [DEMO_SECRET, OTHER_SECRET],
    "password": [ROLE_PASSWORD, OTHER_PASSWORD],
    "private key": [line for pem in PEMS.values() for line in pem.splitlines()],
}
SIGNATURES = re.compile(r"signature(=|%3D)(?!…|\\u2026)|[0-9a-f]{64}", re.IGNORECASE)
SEALS = re.compile(r'"(seal|content|digest|previous|replaces)": "[0-9a-f]{64}"')
"""Digests over a day's orders, which look like signatures."""
TELLING = 16
"""Characters of a secret that are a leak."""


def parts(text: str) -> set[str]:
    """Every piece of a text that is a leak; of a short one the whole."""
    return {text[at : at + TELLING] for at in range(max(1, len(text) - TELLING + 1))}


PARTS = {kind: set().union(*map(parts, secrets)) for kind, secrets in SECRETS.items()}


def leaks(said: str, *signatures: str) -> set[str]:
    """The kinds of secrets of which a part, or the whole, stands in a text."""
    sought = PARTS | {"signature": set().union(*map(parts, signatures))}
    pieces = parts(said)
    found = {
        kind
        for kind, secret in sought.items()
        if secret & pieces or any(part in said for part in secret if len(part) < TELLING)
    }
    return found | ({"signature"} if SIGNATURES.search(SEALS.sub("", said)) else set())


def stored(lab: Lab) -> str:
    """Every row of every table and view, as text."""
    tables = {
        table["name"]
        for table in lab.sql("""
            SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
             WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
        """)
    }
    assert {"public.runs", "public.force_orders", "public.cooldowns"} <= tables
    rows = lab.sql(" UNION ALL ".join(f"SELECT to_jsonb(t)::text AS said FROM {name} t" for name in tables))
    return "\n".join(row["said"] for row in rows)
