# Everything a newcomer needs: make run (a call on this machine), make test.
# Needs Go, make and Debian's apt.

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -c

GO      ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.7.0
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.1.4
FUZZTIME ?= 20s
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# Real programs the tests talk to, and the commands that show they are there.
PEERS    = systemd kamailio kamailio-tls-modules sip-tester baresip-core linphone-cli sipvicious sipsak chromium ffmpeg espeak-ng rtpengine-daemon libopus0 openssl
PEERS   += kamailio-presence-modules kamailio-sqlite-modules sqlite3
JSSIP    = jssip@3.13.8
PEERCMDS = systemd-analyze kamailio sipp baresip linphonec svmap sipsak chromium ffmpeg espeak-ng rtpengine openssl

.PHONY: help run build deb profile opus peers nightly test lint vuln check bench mutants fuzz clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 10

run: build opus ## a complete call on this machine, with its audio measured; then stay up
	./bin/tandem demo

build: ## build bin/tandem
	@echo "building bin/tandem (the first time takes about a minute)"
	@$(GO) build -v -ldflags "-X tandem/cmd/tandem/server.release=$(VERSION)" -o bin/tandem ./cmd/tandem 2>&1 | awk ' \
	  /^go: downloading/ { printf "\r%-70.70s", "fetching " $$3; fflush(); seen = 1; next } \
	  /^[a-z0-9_.\/-]+$$/ { printf "\r%-70.70s", "compiling " ++n " " $$0; fflush(); seen = 1; next } \
	  { print } END { if (seen) printf "\r%-70s\r", "" }'

# What is delivered is optimised for a profile of the benchmark, which makes REGISTER and
# MESSAGE some 10 % cheaper, and the build longer.
PROFILE = cmd/packaging/tandem.pgo

deb: ## a Debian package in bin, with unit and user
	@CGO_ENABLED=0 $(GO) build -trimpath -pgo=$(PROFILE) -ldflags "-X tandem/cmd/tandem/server.release=$(VERSION)" -o bin/tandem ./cmd/tandem
	@cmd/packaging/deb.sh bin/tandem "$(VERSION)"

# Opus is spoken by libopus, which is looked for at run time. Without it the call of
# "make run" is one in G.711.
opus: ## install libopus0, where missing
	@PATH="$$PATH:/sbin:/usr/sbin"; ldconfig -p | grep -q 'libopus\.so\.0' || { echo "installing libopus0, to speak Opus"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  { $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends libopus0 >/dev/null; } || \
	  echo "that failed; the call will be one in G.711"; }

peers: ## install the programs the tests talk to, where missing
	@missing=; for c in $(PEERCMDS); do PATH="$$PATH:/usr/sbin" command -v $$c >/dev/null || missing=1; done; \
	if [ -n "$$missing" ]; then echo "installing $(PEERS)"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $(PEERS) >/dev/null; fi
	@d="$${XDG_CACHE_HOME:-$$HOME/.cache}/tandem-peers"; [ -e "$$d/node_modules/jssip" ] || { echo "installing $(JSSIP)"; \
	  npm install --prefix "$$d" --no-audit --no-fund --silent $(JSSIP); }

# How the packages are tested, each of them once:
# - with the race detector, and neither the measurements of audio (TestQuality...)
#   nor what takes hours on a virtual clock (HOURS);
# - those of much arithmetic in one goroutine without it, since it has nothing to
#   find there and makes them twenty times as long; it sees their few tests of
#   several goroutines. The measurements of audio in media likewise, and what is
#   only counted exactly without it;
# - those with real programs as peers, which run in real time, by themselves: one
#   after the other with nothing beside. The server they talk to has the detector;
# - not the call of a quarter of an hour (NIGHT), see "make nightly";
# - not those that build programs by the dozen: they have a target of their own.
#   Of these only the test that builds nothing (PLACES): a mutant whose text is no
#   longer in the code is seen at once.
ARITHMETIC = $(addprefix tandem/media/,codec codec/conceal codec/resample dtmf jitter quality sdp transcode)
LONG       = ^Test(Quality.*|NothingLeaks|NoAllocationPerPacket)$$
NIGHT      = ^TestLongCall$$
HOURS      = ^Test(CallOfADay|SessionTimers|TenThousandScheduled)$$
TOGETHER   = ^Test(OpusTogether|Pool|Overload|Spread|Close)$$
PLACES     = ^TestPlaces$$
REAL       = tandem/interop/peers tandem/cmd/tandem/probe tandem/cmd/tandem/gatewaysim
BUILDS     = tandem/test/mutants
# The detector has nothing to find in SQLite, which is C turned into Go and runs in
# memory of its own; it makes it ten times as slow.
RACE       = -race -gcflags=modernc.org/sqlite/lib=-race=false
OTHERS     = $$($(GO) list ./... | grep -vxF $(addprefix -e ,$(ARITHMETIC) $(REAL) $(BUILDS)))

test: peers build ## all tests, with real peers
	$(GO) test $(RACE) -short -shuffle=on -timeout 15m -skip '^TestQuality|$(HOURS)' $(OTHERS)
	$(GO) test $(RACE) -shuffle=on -timeout 15m -run '$(TOGETHER)' $(ARITHMETIC)
	$(GO) test -shuffle=on -timeout 15m $(ARITHMETIC)
	$(GO) test -shuffle=on -timeout 15m -run '$(LONG)' ./media
	$(GO) test -shuffle=on -timeout 15m -run '$(HOURS)' ./test/bubble/calls ./pint/sqlstore
	$(GO) test -run '$(PLACES)' $(BUILDS)
	$(GO) test -shuffle=on -timeout 15m -skip '$(NIGHT)' -p 1 $(REAL)

LENGTH ?= 15m
nightly: peers ## a real call of 15 minutes (LENGTH=5m for another time), with a hold and session timers
	$(GO) test -timeout 2h -run '$(NIGHT)' -v ./interop/peers -long $(LENGTH)

check: lint vuln ## lint and vuln

lint: ## formatting, vet, staticcheck, modules, layers, documents
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run: gofmt -w ."; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) mod tidy -diff
	$(GO) test -run 'TestLayers|TestPackageComments|TestDocs|TestCommandReference|TestConfigurationDocument' ./test ./cmd/...

vuln: ## known vulnerabilities in what we use (asks vuln.go.dev)
	$(GO) run $(GOVULNCHECK) ./...

bench: peers ## CPU per operation against Kamailio and rtpengine, in one run
	$(GO) run ./test/bench

profile: ## the profile that deliveries are optimised for, taken anew
	rm -rf bin/profiles && mkdir -p bin/profiles/presence
	$(GO) run ./test/bench -only tandem -quick -profiles bin/profiles
	$(GO) run ./test/bench -only calls -quick -profiles bin/profiles
	$(GO) run ./test/bench -only pint -quick -profiles bin/profiles
	$(GO) run ./test/bench -only presence -match tandem -presentities 2000 -watchers 50 -profiles bin/profiles/presence
	$(GO) test -trimpath -run '^$$' -bench 'CallPath$$' -benchtime 40000x -o bin/profiles/callpath.test -cpuprofile $(CURDIR)/bin/profiles/callpath.pprof ./cmd/tandem/server
	$(GO) tool pprof -proto $$(ls bin/profiles/*.pprof bin/profiles/presence/*.pprof | grep -v heap) > $(PROFILE)

mutants: ## that the interop suite sees mistakes: the server is built with one at a time
	$(GO) test -timeout 60m ./test/mutants

fuzz: ## each fuzz target for FUZZTIME
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzzminimizetime 50x -fuzztime $(FUZZTIME) $$p || exit 1; done; done

clean: ## remove what was built
	rm -rf bin
