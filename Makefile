# Each target does all the set-up it needs.

.PHONY: test prepare test-kotlin test-python

# Everything: unit tests and end-to-end tests on a PostgreSQL of their own.
test:
	@.ci/setup
	cargo test --workspace

# After a query or a migration has changed: records the checked queries, so that building needs no database.
prepare:
	@.ci/setup prepare

# The mobile library from Kotlin on the JVM, as an Android app uses it.
test-kotlin:
	@.ci/setup kotlin
	mobile-ffi/generate
	mvn -B -q -f mobile-ffi/kotlin/pom.xml clean test

# The mobile library from Python, as a desktop tool uses it.
test-python:
	@.ci/setup
	mobile-ffi/generate
	PYTHONPATH=$${CARGO_TARGET_DIR:-target}/bindings/python python3 -m unittest discover -s mobile-ffi/python/tests
