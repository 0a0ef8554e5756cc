# Each target does all the set-up it needs.

.PHONY: test prepare

# Everything: unit tests and end-to-end tests on a PostgreSQL of their own.
test:
	@.ci/setup
	cargo test --workspace

# After a query or a migration has changed: records the checked queries, so that building needs no database.
prepare:
	@.ci/setup prepare
