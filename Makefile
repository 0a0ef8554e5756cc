# Each target does all the set-up it needs.

.PHONY: demo test sim chaos bench-sync bench-plan bench-growth prepare test-kotlin test-python fuzz mutants-hostile model bench-core mutants test-osrm test-valhalla

# A day of a company on real data: import, plan, work offline, merge; then the server stays up until Ctrl-C. EXIT=1 ends
# after the table, with one JSON object as the last line.
demo:
	@.ci/setup
	cargo build --workspace
	@EXIT=$(EXIT) $${CARGO_TARGET_DIR:-target}/debug/demo

# Everything: unit tests and end-to-end tests on a PostgreSQL of their own.
test:
	@.ci/setup
	cargo build --workspace
	cargo test --workspace

# Many phones, several servers, and everything that can happen to them, for MINUTES (10): see tests/README.md. PHONES,
# SERVERS, ROUNDS, CALM and SEED say how much; the last line is one JSON object, and the exit code the verdict.
chaos:
	@.ci/setup
	cargo build --release --workspace --bins
	@$${CARGO_TARGET_DIR:-target}/release/chaos

# SEEDS (2000) runs of phones, a server, bad links and an attacker on one virtual clock; FIRST, WORLD and THREADS say
# which. Each is a number; what fails is made short and named.
sim:
	@.ci/setup
	cargo build --release -p sync-sim
	@$${CARGO_TARGET_DIR:-target}/release/sim

# What synchronising costs on this machine, beside its goals and, where node is installed, beside its peers.
bench-sync:
	@.ci/setup
	cargo build --release --workspace --bins
	@$${CARGO_TARGET_DIR:-target}/release/bench-sync

# What the core costs on this machine: durable commits, lists, documents, the guard; then a first sync, nothing new and ten
# changed tickets on the real server, beside automerge-repo and PouchDB where node is installed.
bench-core:
	@.ci/setup
	cargo bench -p sync-core --features sqlite --bench core
	$(MAKE) mutants-hostile COUNT=200000
	cargo build --release --workspace --bins
	@ONLY=pulls $${CARGO_TARGET_DIR:-target}/release/bench-sync

# Plans of whole days beside VROOM, OR-tools and PyVRP, which are fetched from PyPI: SECONDS (10) for each, DAYS (5) instance
# seeds, SEEDS (3) solver seeds; VRPTW=folder plans the public instances in it as well. What target/bench-plan.json has
# already is not run again. PATIENCE (1) gives solvers that know only the clock more of it on a busy machine.
bench-plan:
	@.ci/setup python
	cargo build --release -p callout-plan
	python3 -m venv $${CARGO_TARGET_DIR:-target}/peers
	$${CARGO_TARGET_DIR:-target}/peers/bin/pip install -q -r server/dispatch/compare/requirements.txt
	$${CARGO_TARGET_DIR:-target}/peers/bin/python server/dispatch/compare/compare.py \
	  $${CARGO_TARGET_DIR:-target}/release/callout-plan --seconds $(or $(SECONDS),10) --days $(or $(DAYS),5) \
	  --seeds $(or $(SEEDS),3) --patience $(or $(PATIENCE),1) $(if $(VRPTW),--vrptw $(VRPTW)) --out $${CARGO_TARGET_DIR:-target}/bench-plan.json

# How long it takes to plan as well when there is more to plan, from 100 visits to 3000; draws
# server/dispatch/docs/growth.svg. PATIENCE (1) gives solvers that know only the clock more of it on a busy machine.
bench-growth:
	@.ci/setup python
	cargo build --release -p callout-plan
	python3 -m venv $${CARGO_TARGET_DIR:-target}/peers
	$${CARGO_TARGET_DIR:-target}/peers/bin/pip install -q -r server/dispatch/compare/requirements.txt
	$${CARGO_TARGET_DIR:-target}/peers/bin/python server/dispatch/compare/growth.py \
	  $${CARGO_TARGET_DIR:-target}/release/callout-plan --patience $(or $(PATIENCE),1) \
	  --out $${CARGO_TARGET_DIR:-target}/bench-growth.json --picture server/dispatch/docs/growth.svg

# After a query or a migration has changed: records the checked queries, so that building needs no database.
prepare:
	@.ci/setup prepare

# The mobile library from Kotlin on the JVM, as an Android app uses it.
test-kotlin:
	@.ci/setup kotlin
	mobile-ffi/generate
	mobile-ffi/with-server mvn -B -q -f mobile-ffi/kotlin/pom.xml clean test

# The mobile library from Python, as a desktop tool uses it.
test-python:
	@.ci/setup python
	mobile-ffi/generate
	PYTHONPATH=$${CARGO_TARGET_DIR:-target}/bindings/python mobile-ffi/with-server python3 -m unittest discover -s mobile-ffi/python/tests

# The routing client against a real OSRM with a map of Helsinki, fetched from PyPI: half a minute, 26 MB.
test-osrm:
	@.ci/setup python
	cargo build --workspace --bins
	tests/roads/run osrm $${CARGO_TARGET_DIR:-target}/debug/check-roads $${CARGO_TARGET_DIR:-target}/roads/osrm

# The same against a real Valhalla: half a minute, 42 MB.
test-valhalla:
	@.ci/setup python
	cargo build --workspace --bins
	tests/roads/run valhalla $${CARGO_TARGET_DIR:-target}/debug/check-roads $${CARGO_TARGET_DIR:-target}/roads/valhalla

# Every fuzz target of sync-core for so many seconds, two at a time, beginning with the corpus. Stable Rust, and a C++
# compiler for libFuzzer.
fuzz:
	@.ci/setup
	sync-core/fuzz/run $(or $(SECONDS),60)

# So many hostile changes through the guard: none may panic beyond it, none may leave a ticket that does not open.
mutants-hostile:
	@.ci/setup
	cargo build --release -p sync-core-fuzz --bin hostile
	@$${CARGO_TARGET_DIR:-target}/release/hostile $(or $(COUNT),10000000)

# Every order of events on two phones, with a second engineer and a lost message on top of what `make test` allows.
model:
	@.ci/setup
	CALLOUT_MODEL=large cargo test --release -p sync-core --test offline model:: -- --nocapture

# Alters guard, policy, workflow and fold one place at a time, 550 in all, and names what no test notices. Takes an hour or
# two; `MUTANTS="--re policy"` takes a part.
mutants:
	@.ci/setup
	@command -v cargo-mutants >/dev/null || cargo install cargo-mutants --locked
	cargo mutants --package sync-core --baseline skip --timeout 120 --output $${CARGO_TARGET_DIR:-target} $(MUTANTS)
