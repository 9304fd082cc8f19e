# libl2o.a as one relocatable object whose hidden symbols are made local: the library's internal functions have plain
# names, which must not meet those of the program that links it.
find_program(L2O_LINKER NAMES ld REQUIRED)
find_program(L2O_OBJCOPY NAMES objcopy REQUIRED)
set(L2O_COMBINED ${CMAKE_CURRENT_BINARY_DIR}/l2o_combined.o)
add_custom_command(OUTPUT ${L2O_COMBINED}
  COMMAND ${L2O_LINKER} -r -o ${L2O_COMBINED} $<TARGET_OBJECTS:l2o_objects>
  COMMAND ${L2O_OBJCOPY} --localize-hidden ${L2O_COMBINED}
  DEPENDS l2o_objects $<TARGET_OBJECTS:l2o_objects>
  COMMENT "Combining the objects of libl2o.a"
  COMMAND_EXPAND_LISTS VERBATIM)
add_library(l2o_static STATIC ${L2O_COMBINED})
set_source_files_properties(${L2O_COMBINED} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
set_target_properties(l2o_static PROPERTIES OUTPUT_NAME l2o LINKER_LANGUAGE C)
target_include_directories(l2o_static INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
