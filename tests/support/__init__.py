"""What tests stand on: real Postgres and Redis, and a real server around a service."""
