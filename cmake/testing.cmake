# How every test is run, whichever folder registers it: l2o_test_settings(NAME LABEL...).
# Labels: unit (cmocka programs), memory (failed allocations), example, structure (scripts that hold the house rules),
# cli (scripts that drive the tool), slow (left out where time is short).
find_program(L2O_SYMBOLIZER NAMES llvm-symbolizer llvm-symbolizer-14)
# Idle threads that spin would starve the test that runs beside them. The sanitizers return NULL for a request that no
# machine can meet, as malloc does; the OpenMP runtime is not instrumented.
set(L2O_TEST_ENVIRONMENT
  OMP_WAIT_POLICY=passive
  ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=1
  UBSAN_OPTIONS=print_stacktrace=1
  TSAN_OPTIONS=allocator_may_return_null=1:ignore_noninstrumented_modules=1:halt_on_error=1
  L2O_SOURCE_DIR=${PROJECT_SOURCE_DIR}
  L2O_BUILD_DIR=${PROJECT_BINARY_DIR}
  L2O_SANITIZE=${L2O_SANITIZE}
  CC=${CMAKE_C_COMPILER})
# Tells ThreadSanitizer of OpenMP's barriers and locks. Programs that get OpenMP through the shared library alone do not
# find it by themselves.
find_library(L2O_ARCHER NAMES archer PATHS /usr/lib/llvm-14/lib)
if(L2O_ARCHER AND L2O_SANITIZE MATCHES "thread")
  list(APPEND L2O_TEST_ENVIRONMENT OMP_TOOL_LIBRARIES=${L2O_ARCHER})
endif()
if(L2O_SYMBOLIZER)
  list(APPEND L2O_TEST_ENVIRONMENT ASAN_SYMBOLIZER_PATH=${L2O_SYMBOLIZER})
endif()

function(l2o_test_settings name)
  set(labels ${ARGN})
  if(name MATCHES "slow")
    list(APPEND labels slow)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT 600 SKIP_RETURN_CODE 77
    ENVIRONMENT "${L2O_TEST_ENVIRONMENT}")
endfunction()
