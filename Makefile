# Day-to-day commands. Needs make and any Node.js from version 20 up; npm brings the project's own Node 24.
# `make start` first. With DOCKER=1 the same targets run in containers: `DOCKER=1 make serve`.
SHELL := /bin/bash
.DEFAULT_GOAL := help

DAY ?= day_01.csv
URL ?= http://127.0.0.1:$(or $(SERVICE_PORT),$(ML_SERVICE_PORT),8080)
NODE := node_modules/.bin/node
MODELYARD := $(NODE) src/main.ts
export ONNXRUNTIME_NODE_INSTALL := skip

ifdef DOCKER
COMPOSE := docker compose
# In the running container where there is one (the embedded database belongs to one process), else in one of its own.
RUN = if [ -n "$$($(COMPOSE) ps --quiet --status running modelyard)" ]; \
  then $(COMPOSE) exec modelyard node dist/main.js $(1); else $(COMPOSE) run --rm modelyard $(1); fi
endif

help: ## show this list
	@grep -hE '^[a-z ]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-13s %s\n", $$1, $$2}'

# One stamp for the installation: it is repeated only when the lock file changes.
node_modules/.modelyard-installed: package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	$(NODE) src/app/prepare.ts
	@touch $@

# What trees are grown and many classes learned with when the sources are run as they are; without it the same models take longer.
KERNEL := dist/ml/learn/trees/kernel.wasm
$(KERNEL): assembly/trees.ts assembly/softmax.ts node_modules/.modelyard-installed
	npm run --silent kernel
	@touch $@

install: node_modules/.modelyard-installed ## install the dependencies and Node 24

ifdef DOCKER
build:
	$(COMPOSE) build
start serve:
	$(COMPOSE) up --detach --wait
train:
	@$(call RUN,demo --train $(DAY))
demo: start
	@$(call RUN,demo)
logs:
	$(COMPOSE) logs --follow
ps:
	$(COMPOSE) ps
stop:
	$(COMPOSE) stop
cleanup:
	$(COMPOSE) down
nuke:
	$(COMPOSE) down --volumes
else
build: install ## build dist/ (DOCKER=1: the image)
	npm run --silent build
start serve: install $(KERNEL) ## start the service in the background and say where it listens
	@scripts/service.sh start
train: install $(KERNEL) ## train on a sample day: make train DAY=day_12.csv
	@$(MODELYARD) demo --train $(DAY)
logs: ## follow the log of the service
	@scripts/service.sh logs
ps: ## show whether the service runs
	@scripts/service.sh status
stop: ## stop the service
	@scripts/service.sh stop
cleanup: stop ## stop, and remove build output
	rm -rf dist
nuke: cleanup ## cleanup, and remove all data (database, models, datasets)
	@scripts/service.sh remove
demo: start ## start, then train, promote and predict through the public API
	@$(MODELYARD) demo
endif

health: ## how the service and what it stands on are
	@curl --silent --show-error --fail-with-body $(URL)/health && echo
ready: ## whether predictions can be answered
	@curl --silent --show-error $(URL)/ready && echo
reload: ## look for newly promoted versions now
	@curl --silent --show-error --fail-with-body --request POST $(URL)/reload && echo
predict: ## ask the default model for one prediction
	@curl --silent --show-error --fail-with-body --request POST $(URL)/predict \
	  --header 'Content-Type: application/json' \
	  --data '{"age": 42, "income": 52000, "account_balance": 3100, "transactions_last_30d": 14, "is_premium": 1}' && echo

test: install $(KERNEL) ## run every test against real servers, which it finds or starts
	@scripts/test.sh

check: install ## types, style, unused code, drift of generated files
	npm run --silent check

.PHONY: help install build start serve train health ready reload predict logs ps stop cleanup nuke demo test check
