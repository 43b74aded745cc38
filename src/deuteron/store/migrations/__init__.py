"""The steps that bring a store's file from each version to the next (Alembic)."""
