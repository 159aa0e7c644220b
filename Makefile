# All that CI does is done here too. `make help` lists the targets, and the variables that they read.

SHELL       := /bin/sh
.SHELLFLAGS := -euc

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

TESTFLAGS  ?= # test, race: more flags of go test, such as -run Invite
BENCHFLAGS ?= # bench: flags of cmd/bench
FUZZTIME   ?= 5s# fuzz: how long each fuzz test runs
CONFIG     ?= default# deploy: default, staging or prod, of samconfig.toml

# What cuts a function by a third. SAM's builder passes no flags, so they go by the environment. Without the commit
# in it, a function that did not change is the same file, and deploying does not touch it.
LEAN := GOFLAGS='-tags=lambda.norpc -trimpath -ldflags=-s -buildvcs=false'

FUNCTIONS := $(patsubst functions/%/main.go,%,$(wildcard functions/*/main.go))

.PHONY: help
help: ## this text
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile
	@echo
	@awk 'match($$0, /^[A-Z]+ +\?= /) { i = index($$0, "#"); v = substr($$0, RLENGTH + 1, i - RLENGTH - 1); \
		printf "%-13s %s%s\n", $$1, substr($$0, i + 2), v == "" ? "" : " (" v ")" }' Makefile

.PHONY: setup
setup: ## install what run needs and is not there
	@scripts/setup

.PHONY: run
run: setup ## start the product on this machine
	@go build -o dist/local ./cmd/local
	@exec dist/local

# Shuffled: no test may lean on the one before it. This also keeps go from answering out of its cache. One package at a
# time: several have a database and a crowd of their own, and use every core by themselves.
.PHONY: test
test: ## pass every test
	@scripts/setup test
	go test -p 1 -timeout 20m -shuffle=on $(TESTFLAGS) ./...

.PHONY: race
race: ## pass every test under the race detector; needs a C compiler
	@scripts/setup test
	go test -race -shuffle=on $(TESTFLAGS) ./...

.PHONY: storm
storm: ## invite ten thousand people while one in five calls to DynamoDB goes wrong
	@scripts/setup test
	LATCHKEY_CROWD=1000 go test ./cmd/local -count=1 -run BadWeather -v $(TESTFLAGS)

.PHONY: lint
lint: ## read the code with gofmt, vet, staticcheck, govulncheck and cfn-lint
	@bad=$$(gofmt -l $$(go list -f '{{.Dir}}' ./...)); \
		if [ -n "$$bad" ]; then printf 'gofmt differs:\n%s\n' "$$bad"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...
	@scripts/govulncheck $(GOVULNCHECK)
	@if command -v cfn-lint >/dev/null; then echo cfn-lint template.yaml; cfn-lint template.yaml; \
		else echo "cfn-lint: skipped, it is not installed (pip install cfn-lint)"; fi

.PHONY: build
build: $(FUNCTIONS:%=dist/%.zip) ## make dist/<function>.zip for Lambda on arm64
	@ls -l $^

# go knows best whether anything changed.
dist/%.zip: always
	@GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(LEAN) go build -o dist/$*/bootstrap ./functions/$*
	@go run ./scripts/zip $@ dist/$*/bootstrap

.PHONY: always
always:

.PHONY: fuzz
fuzz: ## run each fuzz test for FUZZTIME
	@scripts/fuzz $(FUZZTIME)

.PHONY: bench
bench: setup ## count and time the jobs that matter
	go run ./cmd/bench $(BENCHFLAGS)

.PHONY: deploy
deploy: ## build and deploy with SAM, by CONFIG
	@command -v sam >/dev/null || { echo "deploy: the AWS SAM CLI is needed, and is not on the path"; exit 1; }
	$(LEAN) sam build --config-env $(CONFIG)
	sam deploy --config-env $(CONFIG)

.PHONY: clean
clean: ## remove what was built; the state in .local stays
	rm -rf dist .aws-sam
