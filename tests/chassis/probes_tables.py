"""The table in which probes leave their effects."""

EFFECTS = "CREATE TABLE IF NOT EXISTS effects (id bigint GENERATED ALWAYS AS IDENTITY, name text, cause text, at timestamptz)"
