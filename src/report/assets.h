/* What a report carries with it besides its numbers: style sheets and scripts, turned into C arrays when the library is
 * built (cmake/assets.cmake). report.css and report.js lie in this folder; dygraph is dygraphs, from the system. */
#ifndef L2O_REPORT_ASSETS_H
#define L2O_REPORT_ASSETS_H

#include <stddef.h>

typedef struct asset {
    const unsigned char *bytes;
    size_t size;
} asset;

extern const asset asset_report_css, asset_report_js, asset_dygraph_css, asset_dygraph_js, asset_dygraph_licence;

#endif
