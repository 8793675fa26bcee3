"""Where billing keeps what it owns: the schema `billing` of one Postgres."""
