/* The libsvm format: one labelled sparse row per line, "label index:value index:value ...". */
#ifndef L2O_IO_LIBSVM_H
#define L2O_IO_LIBSVM_H

#include "io/data_file.h"

/* Gives a sparse matrix and the labels. Indices are from 1 and increase within a line; the largest is the number of
 * columns. '#' starts a comment. Ranking ("qid:") and several labels per row are refused. */
data_reader libsvm_parse;

#endif
