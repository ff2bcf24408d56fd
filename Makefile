# The commands of README.md. uv lives in a folder of the project's own and is called by path, so that no version file hides it.
UV := var/uv/bin/uv
export UV_PYTHON_PREFERENCE ?= system
export RASA_TELEMETRY_ENABLED := false
export TF_CPP_MIN_LOG_LEVEL := 3

MODEL := var/models/neuvo.tar.gz
TRAINED_ON := config.yml domain.yml $(wildcard data/nlu/*/*.yml data/stories/*.yml nlu/*.py) nlu/uv.lock
CATALOGS := $(patsubst %.po,%.mo,$(wildcard translations/*/LC_MESSAGES/*.po))

.PHONY: run test train evaluate thresholds bench day check audit translations clean
.DELETE_ON_ERROR:

run: var/installed $(CATALOGS) $(MODEL)  ## Install, train and start everything; ends with the address
	@.venv/bin/neuvo run

train: $(MODEL)  ## Train the model if it does not fit the training data

evaluate: var/installed $(CATALOGS) $(MODEL)  ## make evaluate FILE=x.jsonl: how well the model understands labelled messages
	@test -n "$(FILE)" || { echo "say which file: make evaluate FILE=tests/nlu/en.jsonl" >&2; exit 2; }
	@.venv/bin/neuvo evaluate $(if $(JSON),--json) "$(FILE)"

check: var/installed $(CATALOGS)  ## Lint, format, types, content, translations, training data
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/neuvo check

test: var/debian var/installed $(CATALOGS) $(MODEL) check  ## Everything, from a bare clone
	nlu/.venv/bin/python -W ignore -m pytest -c nlu/pyproject.toml tests/in_rasa
	.venv/bin/pytest

thresholds: $(MODEL)  ## Choose the thresholds of config.yml on data/development, from the costs stated there
	nlu/.venv/bin/python -W ignore -m nlu.thresholds $(MODEL)

bench: var/installed $(CATALOGS)  ## Neuvo beside two stock Rasa assistants, in one run: make bench ARGUMENTS=--quick
	.venv/bin/python -m benchmarks $(ARGUMENTS)

day: var/installed $(CATALOGS) $(MODEL)  ## A simulated day with the real parts: is anybody forgotten? make day ARGUMENTS="--seed 2"
	.venv/bin/python -m benchmarks.day $(ARGUMENTS)

audit: var/installed  ## Known vulnerabilities in both lock files; fails when it could not ask
	.venv/bin/python -m bot.audit

translations: var/installed  ## Update the catalogs from content and code, and compile them
	@.venv/bin/neuvo translations

clean:  ## Forget environments, models and compiled catalogs (not the database)
	rm -rf .venv nlu/.venv var/uv var/installed var/models var/cache $(CATALOGS)

$(UV):
	@echo "== uv, into var/uv"
	python3 -m venv var/uv
	var/uv/bin/pip install --quiet --disable-pip-version-check uv

# The Debian packages of the tests: a browser for the page.
var/debian: deploy/debian-packages.txt
	@mkdir -p var
	deploy/debian-packages.sh deploy/debian-packages.txt
	@touch $@

var/installed: $(UV) pyproject.toml uv.lock nlu/pyproject.toml nlu/uv.lock
	@echo "== Neuvo's environment (Python 3.12)"
	$(UV) sync --locked
	@echo "== Rasa's environment (Python 3.10)"
	cd nlu && ../$(UV) sync --locked
	@touch $@

%.mo: %.po | var/installed
	@.venv/bin/pybabel --quiet compile --input-file=$< --output-file=$@ --locale=$(word 2,$(subst /, ,$@))

$(MODEL): $(TRAINED_ON) | var/installed
	@echo "== training the model (some minutes)"
	@mkdir -p var/models var/cache
	RASA_CACHE_DIRECTORY=var/cache nlu/.venv/bin/python -W ignore -m rasa train --force --skip-validation --out var/models --fixed-model-name neuvo
	@touch $@
