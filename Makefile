# A thin front to CMake and ctest; `make help` lists what there is. Presets are in CMakePresets.json.
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 30
PRESET ?= release
C_FILES = git ls-files -z '*.c' '*.h'

.DEFAULT_GOAL := all
.PHONY: all build test demo images bench bench-sweep baselines models install clean format lint fuzz asan tsan help

define test_preset
	cmake --preset $(1) >/dev/null
	cmake --build --preset $(1)
	ctest --preset $(1)
endef

all: build

build: ## configure and build (PRESET=release); the tool is build/l2o
	@scripts/setup build test
	cmake --preset $(PRESET) >/dev/null
	cmake --build --preset $(PRESET)

test: ## build and run all tests (PRESET=release)
	@scripts/setup build test
	$(call test_preset,$(PRESET))

demo: build ## train, adapt and solve in a minute or two: examples/demo.sh
	sh examples/demo.sh

images: build ## denoise photographs with a dictionary learned from photographs: examples/images/run.sh
	@scripts/setup images
	sh examples/images/run.sh

bench: ## benchmarks, beside PyTorch: bench/run.sh
	@scripts/setup build test bench
	$(MAKE) build
	sh bench/run.sh

bench-sweep: build ## time against size, in JSON and a figure: bench/sweep.sh
	sh bench/sweep.sh

baselines: build ## count instructions anew, for tests/instructions.sh
	sh bench/baselines/renew.sh

models: build ## train the weights in models/ anew (hours; it goes on where it was stopped): scripts/models
	scripts/models

install: build ## install what is built (PREFIX=/usr/local, DESTDIR=)
	DESTDIR="$(DESTDIR)" cmake --install build --prefix "$(PREFIX)"

asan: ## tests under AddressSanitizer and UBSan
	@scripts/setup build test sanitizers
	$(call test_preset,asan)

tsan: ## tests under ThreadSanitizer
	@scripts/setup build test sanitizers
	$(call test_preset,tsan)

fuzz: ## every fuzz target for FUZZ_SECONDS=30
	@scripts/setup build sanitizers
	cmake --preset fuzz >/dev/null
	cmake --build --preset fuzz
	scripts/fuzz $(FUZZ_SECONDS)

format: ## format all tracked C files
	@scripts/setup format
	$(C_FILES) | xargs -0 clang-format -i

# cppcheck takes an array that is filled in a loop for one that may be empty; the compilers' warnings stand in.
lint: build ## clang-tidy and cppcheck
	@scripts/setup sanitizers lint
	cmake --preset clang >/dev/null
	git ls-files -z 'src/*.c' 'cli/*.c' | xargs -0 -n 4 -P 2 clang-tidy --quiet -p build-clang
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability \
	  --suppress=uninitvar --suppress=uninitStructMember \
	  --std=c11 -I include -I src src cli

clean: ## remove all build folders
	rm -rf build build-*

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
