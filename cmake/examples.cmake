# Every examples/NAME.c is a program against the shared library and the public headers, as a user would write it, and
# the test example_NAME, which it passes by returning 0.
file(GLOB L2O_EXAMPLES CONFIGURE_DEPENDS examples/*.c)
foreach(source ${L2O_EXAMPLES})
  get_filename_component(name ${source} NAME_WE)
  add_executable(example_${name} ${source})
  set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY examples)
  target_link_libraries(example_${name} PRIVATE l2o_flags l2o_shared m)
  add_test(NAME example_${name} COMMAND example_${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  l2o_test_settings(example_${name} example)
endforeach()

# examples/images/ is one program of several files; the test of it is tests/images.sh.
file(GLOB L2O_IMAGES_SOURCES CONFIGURE_DEPENDS examples/images/*.c)
add_executable(example_images ${L2O_IMAGES_SOURCES})
set_target_properties(example_images PROPERTIES OUTPUT_NAME images RUNTIME_OUTPUT_DIRECTORY examples/images)
target_link_libraries(example_images PRIVATE l2o_flags l2o_shared m)
