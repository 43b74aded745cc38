"""The resources of the API on disk: tables, units of work, queries, addresses."""
