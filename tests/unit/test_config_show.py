"""Settings as they may be shown: where each comes from, and no password."""

import pytest

from etl.commands.config_show import masked_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:pa55@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgresql+psycopg://u:pa55@h/d?sslmode=require", "postgresql://u:***@h/d?sslmode=require"),
        ("postgresql://u@h/d?password=pa55&passfile=/etc/pgpass", "postgresql://u:***@h/d?passfile=/etc/pgpass"),
        ("postgresql://u@/d?host=/run/postgresql", "postgresql://u@/d?host=/run/postgresql"),
        ("postgresql://u:pa55@a:1,b:2/d", "postgresql://u:***@/d?host=a,b&port=1,2"),
        ("postgresql://u@h/d?sslkey=/k&sslpassword=pa55", "postgresql://u@h/d?sslkey=/k&sslpassword=***"),
        ("postgresql:///d", "postgresql:///d"),
        ("postgresql://u:p@55@h/d", "***"),
    ],
)
def test_a_database_url_is_shown_without_its_passwords(url: str, shown: str) -> None:
    assert masked_url(url) == shown
