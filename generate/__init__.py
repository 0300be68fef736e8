"""Generators of committed code: CRI stubs and API types. `make generate` runs them, `make generate-check` compares."""
