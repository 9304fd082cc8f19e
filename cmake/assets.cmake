# The report's scripts and style sheets as C arrays, in build/report_assets.c; src/report/assets.h declares them. dygraphs
# is Debian's libjs-dygraphs, or whatever L2O_DYGRAPHS points at. Its remarks for debuggers, which name files that do not
# travel with a page, are left out.
find_path(L2O_DYGRAPHS dygraph.min.js PATHS /usr/share/javascript/dygraphs NO_DEFAULT_PATH
  DOC "Folder of dygraph.min.js and dygraph.min.css")
if(NOT L2O_DYGRAPHS)
  message(FATAL_ERROR "dygraphs draws the figures of reports and was not found: install libjs-dygraphs, or give the "
    "folder of dygraph.min.js with -DL2O_DYGRAPHS=FOLDER")
endif()
set(L2O_ASSETS
  report_css=${PROJECT_SOURCE_DIR}/src/report/report.css
  report_js=${PROJECT_SOURCE_DIR}/src/report/report.js
  dygraph_css=${L2O_DYGRAPHS}/dygraph.min.css
  dygraph_js=${L2O_DYGRAPHS}/dygraph.min.js
  dygraph_licence=${PROJECT_SOURCE_DIR}/src/report/dygraphs-licence.txt)
list(TRANSFORM L2O_ASSETS REPLACE "^[^=]*=" "" OUTPUT_VARIABLE L2O_ASSET_FILES)
add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/report_assets.c
  COMMAND ${CMAKE_COMMAND} "-DASSETS=${L2O_ASSETS}" -DOUT=${PROJECT_BINARY_DIR}/report_assets.c
    -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
  DEPENDS ${L2O_ASSET_FILES} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
  COMMENT "Embedding the scripts and style sheets of reports"
  VERBATIM)
