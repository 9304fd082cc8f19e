/* The operations of the tape, one constant each; the files that define them are named beside. */
#ifndef L2O_AUTODIFF_OPERATIONS_H
#define L2O_AUTODIFF_OPERATIONS_H

#include "autodiff/tape.h"

extern const operation operation_add, operation_subtract, operation_multiply, operation_divide; /* elementwise.c */
extern const operation operation_unary[UNARY_COUNT], operation_soft_threshold;
extern const operation operation_reshape, operation_broadcast, operation_sum_to; /* shape.c */
extern const operation operation_slice_rows, operation_slice_columns, operation_pad_rows, operation_pad_columns;
extern const operation operation_concat_columns;
extern const operation operation_matmul, operation_affine;      /* matmul.c */
extern const operation operation_lstm, operation_lstm_backward; /* lstm.c */

#endif
