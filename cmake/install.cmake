# What `cmake --install` lays down: headers, both libraries, the tool, manual pages, shipped data, and the two ways to
# find them: l2o.pc for pkg-config, l2oConfig.cmake for find_package(l2o).
include(CMakePackageConfigHelpers)
set(L2O_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/l2o)

install(DIRECTORY include/l2o DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(TARGETS l2o_tool)
if(TARGET l2o_mpi)
  install(TARGETS l2o_mpi LIBRARY DESTINATION ${L2O_MODULE_DIR})
endif()
install(TARGETS l2o_shared EXPORT l2oTargets)
install(EXPORT l2oTargets NAMESPACE l2o:: DESTINATION ${L2O_CMAKE_DIR})
if(TARGET l2o_static)
  install(TARGETS l2o_static EXPORT l2oStaticTargets)
  install(EXPORT l2oStaticTargets NAMESPACE l2o:: DESTINATION ${L2O_CMAKE_DIR})
endif()
file(GLOB L2O_MANUAL_PAGES CONFIGURE_DEPENDS man/*.1)
install(FILES ${L2O_MANUAL_PAGES} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
foreach(folder models experiments)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${folder})
    install(DIRECTORY ${folder} DESTINATION ${CMAKE_INSTALL_DATADIR}/l2o)
  endif()
endforeach()

list(JOIN L2O_PKGCONFIG_DEPENDENCIES " " L2O_CONFIG_DEPENDENCIES)
configure_package_config_file(cmake/l2oConfig.cmake.in l2oConfig.cmake INSTALL_DESTINATION ${L2O_CMAKE_DIR})
write_basic_package_version_file(l2oConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/l2oConfig.cmake ${PROJECT_BINARY_DIR}/l2oConfigVersion.cmake
  DESTINATION ${L2O_CMAKE_DIR})

# The .pc file finds its prefix from where it lies, so a moved or staged tree keeps working.
file(RELATIVE_PATH L2O_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" L2O_PC_TO_PREFIX "${L2O_PC_TO_PREFIX}")
list(JOIN L2O_PKGCONFIG_DEPENDENCIES ", " L2O_PC_REQUIRES)
list(JOIN L2O_OPENMP_LIBRARIES " " L2O_PC_OPENMP)
configure_file(cmake/l2o.pc.in l2o.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/l2o.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
