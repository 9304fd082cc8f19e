/* The Matrix Market exchange format (https://math.nist.gov/MatrixMarket/formats.html). */
#ifndef L2O_IO_MATRIX_MARKET_H
#define L2O_IO_MATRIX_MARKET_H

#include "io/data_file.h"

/* "coordinate" (real, integer, pattern) gives a sparse matrix, "array" (real, integer) a dense [rows, columns];
 * general, symmetric or skew-symmetric. Complex and Hermitian matrices are refused. */
data_reader matrix_market_parse;

#endif
