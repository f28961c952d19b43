"""PostgreSQL: stores, migrations, the embedded server. No other room imports psycopg."""
