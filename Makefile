# Everything a newcomer needs: `make run` and `make test`. Both need Python 3.11 to 3.13 and make, nothing else.
PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d%d" % sys.version_info[:2])')
BIN := .venv/bin
CODE := sagelens steps pipelines tests benchmarks infra

# What CI sets where no image can be pulled; the Dockerfile's own base otherwise.
SAGELENS_IMAGE_BASE ?=

.PHONY: run test test-contract test-docker check docker-lane check-infra infra-env lock-infra format lint types contracts lock lock-image bench clean
.DEFAULT_GOAL := run

# A first model is trained and deployed, then a deeper one takes its place by canary, under alarms and some traffic. The service's
# clock runs 60 times as fast meanwhile: what would bake for a quarter of an hour takes 15 seconds.
CANARY := --strategy canary:size=50%,wait=10m,termination_wait=5m \
  --set 'deployment.alarms=[{kind: errors, at_most: 1%}, {kind: latency, at_most: 2s}]'

run: .venv/installed
	$(BIN)/sagelens run training
	$(BIN)/sagelens invoke flights configs/examples/request.json
	$(BIN)/sagelens run training --no-deploy --set training.xgboost.max_depth=7
	$(BIN)/sagelens local stop
	$(BIN)/sagelens local start --clock 60x
	@$(BIN)/sagelens traffic flights configs/examples/request.json --seconds 60 & traffic=$$!; \
	  $(BIN)/sagelens deploy latest --reason 'one level deeper' $(CANARY); code=$$?; \
	  kill $$traffic; wait $$traffic; exit $$code
	$(BIN)/sagelens local stop
	$(BIN)/sagelens local start

# A file's tests stay in one process, since they share what is dear to set up; files run side by side, in the order of their
# names, so that the longest ones (integration) do not begin last.
test: .venv/installed
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --durations 10

# What depends on the releases of boto3 and the SageMaker SDK; CI runs it on the oldest and the newest that are allowed.
test-contract:
	$(BIN)/python -m pytest tests/conformance tests/unit/pipeline tests/unit/deployment tests/unit/local_core tests/unit/infra \
	  tests/integration/test_service_sdk.py tests/integration/test_service_clients.py

# Real containers: needs a Docker engine, and builds the image first.
test-docker: .venv/installed
	@command -v docker >/dev/null || { echo "make test-docker needs Docker, and its command is not on PATH."; exit 2; }
	@docker info >/dev/null 2>&1 || { echo "make test-docker needs a Docker engine, and none answers. Start one (on Debian: .ci/docker-engine)."; exit 2; }
	$(BIN)/sagelens image build --tag sagelens:local $(if $(SAGELENS_IMAGE_BASE),--base $(SAGELENS_IMAGE_BASE))
	$(BIN)/python -m pytest tests/docker

check: format lint types contracts test check-infra docker-lane

# Said last, so that nobody takes a gate without containers for the whole.
docker-lane:
	@docker info >/dev/null 2>&1 && echo "The Docker lane was not run: 'make test-docker' runs it." \
	  || echo "The Docker lane was not run: there is no Docker engine here. 'make test-docker' runs it where there is one."

format: .venv/installed
	$(BIN)/ruff format --check $(CODE)

lint: .venv/installed
	$(BIN)/ruff check $(CODE)

types: .venv/installed
	$(BIN)/mypy

contracts: .venv/installed
	$(BIN)/lint-imports

# The CDK app in infra/ has an environment of its own, since it needs node, which nothing else does.
check-infra: .venv-infra/installed
	JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20 .venv-infra/bin/python -m pytest -c infra/pytest.ini infra/tests
	.venv-infra/bin/mypy --config-file infra/mypy.ini

infra-env: .venv-infra/installed

bench: .venv/installed
	$(BIN)/python benchmarks/pipeline.py
	$(BIN)/python benchmarks/serving.py
	$(BIN)/python benchmarks/router.py

# Resolve anew for every Python that is supported; needs their interpreters.
lock: .venv/installed
	for version in 3.11 3.12 3.13; do \
	  $(BIN)/uv pip compile pyproject.toml --quiet --extra dev --python-version $$version --override constraints/overrides.txt \
	    --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	    --output-file constraints/py$$(echo $$version | tr -d .).txt || exit 1; \
	done

lock-infra: .venv/installed
	cd infra && ../$(BIN)/uv pip compile requirements.in --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --output-file constraints.txt

# What the image holds: the same versions as here, of what steps and model servers import.
lock-image: .venv/installed
	$(BIN)/uv pip compile infra/image/requirements.in --quiet --python-version 3.11 --constraints constraints/py311.txt --universal \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate --output-file constraints/image.txt

.venv-infra/installed: infra/constraints.txt
	@command -v node >/dev/null || { echo "infra/ needs node 20 or later, for CDK. Nothing else here does."; exit 2; }
	$(PYTHON) -m venv .venv-infra
	.venv-infra/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r infra/constraints.txt
	@touch $@

.venv/installed: constraints/py$(VERSION).txt pyproject.toml
	@test -f constraints/py$(VERSION).txt || { echo "Python $(VERSION) is not supported; set PYTHON to 3.11, 3.12 or 3.13"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r constraints/py$(VERSION).txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

clean:
	rm -rf .venv .venv-infra .sagelens
